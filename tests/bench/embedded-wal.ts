import { join } from "node:path";
import { putInParallel, type EmbeddedKind } from "./embedded-store.ts";
import { entryOf } from "./entry-of.ts";

/** The log alone, as `holdfast/wal` is imported. */
export const embeddedWal: EmbeddedKind = {
  async open(directory, root) {
    const { WriteAheadLog } = await walOf(root);
    const log = await WriteAheadLog.open(directory);
    return {
      run: (inFlight, next, acknowledged) =>
        putInParallel(inFlight, next, acknowledged, ({ key, value }) =>
          log.append({ type: "put", key, value }),
        ),
      close: () => log.close(),
    };
  },

  async find(directory, root, wanted) {
    const { WriteAheadLog } = await walOf(root);
    const found = new Set<number>();
    await using log = await WriteAheadLog.open(directory);
    for await (const { type, key, value } of log.replay()) {
      if (type !== "put" || key === undefined || value === undefined) continue;
      const number = entryOf(key, value);
      if (number < 0) throw new Error("The log has a record that nobody appended");
      if (wanted.has(number)) found.add(number);
    }
    return found;
  },
};

function walOf(root: string): Promise<typeof import("../../src/wal/write-ahead-log.ts")> {
  return import(join(root, "src/wal/write-ahead-log.ts"));
}
