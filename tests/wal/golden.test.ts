import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVersion } from "../../src/wal/format.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import type { WalRecord } from "../../src/wal/write-ahead-log.ts";
import { diskWith, type Files } from "./disk-files.ts";
import { goldenLogs, writeGolden } from "./golden-logs.ts";
import { collect, logDirectory, openTestLog } from "./log-fixture.ts";

/**
 * Files as every release has written them, one directory each: `<name>-v<format version>`, with what they say in
 * records.txt. UPDATE_GOLDEN=1 writes those of the current version anew, which is right only before a release has
 * written such files. A new format version gets new directories, and the old ones must stay readable.
 */
const golden = join(import.meta.dir, "golden");
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

const readDirectory = (directory: string): Files =>
  new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith(".wal"))
      .sort()
      .map((name) => [name, readFileSync(join(directory, name))]),
  );

function describeRecord({ seq, type, key, value, expiresAtMs, session }: WalRecord): string {
  const words = [`${seq} ${type}`];
  if (key !== undefined) words.push(`key ${JSON.stringify(Buffer.from(key).toString())}`);
  if (value !== undefined) words.push(`value ${JSON.stringify(Buffer.from(value).toString())}`);
  if (expiresAtMs !== undefined) words.push(`expires at ${expiresAtMs}`);
  if (session !== undefined) {
    words.push(`session ${Buffer.from(session.id).toString("hex")} request ${session.requestNumber}`);
  }
  return words.join(", ");
}

async function describeLog(files: Files): Promise<string> {
  await using log = await openTestLog(await diskWith(files));
  const lines = (await collect(log.iterate())).map(describeRecord);
  return [`floor ${log.floorSeq}, current seq ${log.currentSeq}`, ...lines, ""].join("\n");
}

describe("a golden log is written today as it always was", () => {
  test.each(Object.keys(goldenLogs))("%s", async (name) => {
    const directory = join(golden, `${name}-v${formatVersion}`);
    const files = await writeGolden(name);
    if (isUpdate) {
      mkdirSync(directory, { recursive: true });
      for (const [segment, bytes] of files) writeFileSync(join(directory, segment), bytes);
      writeFileSync(join(directory, "records.txt"), await describeLog(files));
    }
    expect(existsSync(directory)).toBe(true);
    const hexOf = (found: Files) =>
      Object.fromEntries([...found].map(([key, bytes]) => [key, bytes.toString("hex")]));
    expect(hexOf(files)).toEqual(hexOf(readDirectory(directory)));
  });
});

describe("a golden log of any version says today what it always said", () => {
  test.each(readdirSync(golden))("%s", async (name) => {
    const directory = join(golden, name);
    const files = readDirectory(directory);
    expect(await describeLog(files)).toBe(readFileSync(join(directory, "records.txt"), "utf8"));
    expect(surveyLog(await diskWith(files), logDirectory).verdict).toEqual({ kind: "clean" });
  });
});
