import { existsSync } from "node:fs";
import { join } from "node:path";
import { randomBelow } from "../../../src/lib/random.ts";
import { manifestName } from "../../../src/manifest/directory.ts";
import { eventually } from "../../support/eventually.ts";
import type { StagedServer } from "./life.ts";

/** What clients do to a server, one thing a function. Writes are awaited one by one, and some are sent at once. */

export async function puts({ client }: StagedServer): Promise<void> {
  for (const key of ["key-0", "key-1"]) await client.put(key);
  await Promise.all([
    ...["key-0", "key-2", "key-3"].map((key) => client.put(key)),
    client.put("key-4", 60, 1),
    client.read("key-0"),
  ]);
  await client.read("key-4");
}

export async function readsAndPuts(server: StagedServer): Promise<void> {
  await server.client.read("key-0");
  await puts(server);
}

export async function batches({ client }: StagedServer): Promise<void> {
  await client.batch("key-0", "-key-1", "new");
  await Promise.all([client.batch("-key-0", "key-2"), client.batch("key-0", "-new"), client.read("key-2")]);
}

/** So many segments' worth of puts. */
export async function fill({ client }: StagedServer, segments: number): Promise<void> {
  for (let index = 0; index < 3 * segments; index++) await client.put(`key-${index % 5}`, 300);
}

export async function flush({ client }: StagedServer): Promise<void> {
  await client.put("key-0");
  await Promise.all([client.checkpoint(), client.put("meanwhile"), client.read("key-0")]);
}

export async function compaction(server: StagedServer): Promise<void> {
  for (let index = 0; index < 2; index++) await flush(server);
  await Promise.all([server.client.compact(), server.client.put("meanwhile")]);
}

/** Flushes until the next manifest is there. */
export async function newManifest(server: StagedServer): Promise<void> {
  const manifest = (number: number) => join(server.dataDirectory, "manifest", manifestName(number));
  let next = 1;
  while (!existsSync(manifest(next))) next++;
  while (existsSync(manifest(next))) next++;
  for (let flushes = 0; !existsSync(manifest(next)); flushes++) {
    if (flushes === flushesMax) throw new Error(`No manifest was written anew in ${flushesMax} flushes`);
    await flush(server);
  }
}

const flushesMax = 50;

/** Writes and reads of two connections, flushes and merges, as they come. */
export async function everythingAtOnce({ client }: StagedServer): Promise<void> {
  const key = () => `key-${randomBelow(client.random, 5)}`;
  const write = async (connection: number) => {
    for (let index = 0; index < writesAtOnce; index++) {
      const kind = randomBelow(client.random, 4);
      if (kind === 0) await client.read(key());
      else if (kind === 1) await client.batch(key(), `-${key()}`, "new");
      else await client.put(key(), 300, connection);
    }
  };
  const keepUp = async () => {
    for (let index = 0; index < 2; index++) {
      await client.checkpoint();
      await client.compact();
    }
  };
  await Promise.all([write(0), write(1), keepUp()]);
}

const writesAtOnce = 12;

/** One is answered, and others are on their way to the disk when the kill comes. */
export async function unawaited({ client }: StagedServer): Promise<void> {
  for (let index = 0; index < 4; index++) await client.put(`key-${index}`, 200);
  const answered = client.put("key-4", 60, 1);
  await new Promise<void>((resolve) => void setImmediate(resolve));
  for (let index = 0; index < 4; index++) void client.put(`key-${index}`, 200);
  await answered;
}

/** Writes before it, and at two moments of it. */
export async function backup(
  { client, dataDirectory, backup }: StagedServer,
  ...flags: string[]
): Promise<void> {
  await client.put("before");
  const copied = backup(...flags);
  const copy = join(dataDirectory, "..", "copy");
  for (const sign of [`${copy}.unfinished`, join(`${copy}.unfinished`, "manifest", manifestName(1))]) {
    await eventually("the backup gets on", () => existsSync(sign) || existsSync(copy));
    for (let index = 0; index < 3; index++) await client.put(`key-${index}`, 100);
  }
  await copied;
}
