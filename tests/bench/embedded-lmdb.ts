import { join } from "node:path";
import { open } from "lmdb";
import { EntryBuffers, putInParallel, type EmbeddedKind } from "./embedded-store.ts";
import { entryOf } from "./entry-of.ts";

/**
 * Puts of one turn share a transaction, without being asked: that is what its promises are for. `overlappingSync` off
 * has a promise resolve after the sync of its transaction; with it on, one would have to wait for `flushed` as well,
 * which was measured to be no faster.
 */
export const embeddedLmdb: EmbeddedKind = {
  async open(directory) {
    const database = openDatabase(directory);
    return {
      async run(inFlight, next, acknowledged) {
        await putInParallel(inFlight, next, acknowledged, async ({ key, value }) => {
          if (!(await database.put(key, value))) throw new Error("LMDB did not put an entry");
        });
      },
      close: () => database.close(),
    };
  },

  async find(directory, _, wanted) {
    const database = openDatabase(directory);
    const entry = new EntryBuffers();
    const found = new Set<number>();
    for (const number of wanted) {
      entry.fill(number);
      const value = database.getBinary(entry.key);
      if (value !== undefined && entryOf(entry.key, value) === number) found.add(number);
    }
    await database.close();
    return found;
  },
};

function openDatabase(directory: string) {
  return open<Buffer, Buffer>({
    path: join(directory, "entries.lmdb"),
    encoding: "binary",
    keyEncoding: "binary",
    compression: false,
    overlappingSync: false,
    mapSize: 8 * 2 ** 30,
  });
}
