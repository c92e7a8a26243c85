import type { SourceChange } from "../support/changed-source.ts";
import type { Mutant } from "../wal/mutants.ts";

const change = (file: string, from: string, to: string): SourceChange => ({ file: `src/${file}`, from, to });

const points = [
  "crash-points.test.ts",
  "no crash, at whatever call, takes back what was acknowledged",
] as const;
const damaged = ["crash-points.test.ts", "a table that is not what was written stops the store"] as const;

/**
 * What the way from the log into tables stands on, each taken out by itself: orders and syncs that no kill of a process
 * can show to be missing, because the page cache outlives it. The tests that notice run the engine on a disk in memory.
 */
export const mutants: readonly Mutant[] = [
  {
    name: "what the tables cover is announced before the manifest's edit is durable",
    changes: [change("manifest/manifest-file.ts", "      await this.#file.datasync();\n", "")],
    killer: points,
  },
  {
    name: "the log is pruned before the manifest's edit",
    changes: [
      change("engine/flusher.ts", "    await this.#log.truncate(segment.lastSeq);\n", ""),
      change(
        "engine/flusher.ts",
        "    await tables.change(\n",
        "    await this.#log.truncate(segment.lastSeq);\n    await tables.change(\n",
      ),
    ],
    killer: points,
  },
  {
    name: "a table is not synced before it gets its name",
    changes: [change("table/table-writer.ts", "    await this.#file.sync();\n", "")],
    killer: points,
  },
  {
    name: "the tables' directory is not synced",
    changes: [
      change(
        "compaction/table-outputs.ts",
        "      await this.#touch(directory, () => this.#world.fileSystem.syncDirectory(directory));\n",
        "",
      ),
    ],
    killer: points,
  },
  {
    name: "the inputs of a merge are deleted before the manifest's edit",
    changes: [
      change("engine/table-store.ts", "      this.#doomed.push(reader.path);\n", ""),
      change(
        "engine/table-store.ts",
        "    await manifest.apply({",
        "    const kept = new Set(change.added.map((entry) => entry.number));\n" +
          "    for (const number of change.removed)\n" +
          "      if (!kept.has(number)) this.#fileSystem.unlink(join(this.directory, tableName(number)));\n" +
          "    await manifest.apply({",
      ),
    ],
    killer: points,
  },
  {
    name: "a table is not read again before it is believed",
    changes: [
      change(
        "compaction/table-outputs.ts",
        "    const found = verifyTable(fileSystem, path, { storeId, number, hashSeed });\n",
        "    const found = summary;\n",
      ),
    ],
    killer: damaged,
  },
  {
    name: "a memtable is dropped before its table is there for readers",
    changes: [
      change("engine/flusher.ts", "        this.#recycle(this.#memtables.dropOldest(segment.number));\n", ""),
      change(
        "engine/flusher.ts",
        "    await tables.change(\n",
        "    this.#recycle(this.#memtables.dropOldest(segment.number));\n    await tables.change(\n",
      ),
    ],
    killer: points,
  },
];
