import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { StoreModel } from "../../engine/store-model.ts";
import { tinySegmentBytes } from "../../support/aimed-run.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import { startServer } from "../../support/server-process.ts";
import { tagOf } from "../../support/tagged-value.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { Violation, type Sample } from "../crash-states/enumerate.ts";
import { writeOut } from "./real-directory.ts";

/** Opens a disk with the real server. Throws unless that shows what the recovery in this process has found on it. */
export async function opensAlike({ disk, story, recovered }: Sample, model: StoreModel): Promise<void> {
  using directory = temporaryDirectory();
  const root = join(directory.path, "disk");
  mkdirSync(root);
  writeOut(disk, root);
  await using server = await startServer({
    dataDirectory: join(root, "data"),
    segmentBytesMax: tinySegmentBytes,
  });
  const client = await RawStoreClient.open(server.port);
  const { entries } = await client.readAll();
  const shown = [...entries].map(([key, { version, tag }]) => `${key} ${version} ${tag}`);
  const expected = model.scan({}, recovered.lastSeq).map(([key, value]) => {
    return `${key} ${model.get(key, recovered.lastSeq)!.version} ${tagOf(Buffer.from(value, "latin1"))}`;
  });
  await client.close();
  if (shown.sort().join("\n") === expected.sort().join("\n")) return;
  throw new Violation(
    `${story}: the real server shows ${JSON.stringify(shown)}, and ${JSON.stringify(expected)} was recovered`,
  );
}
