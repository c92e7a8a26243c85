import type { SourceChange } from "./changed-source.ts";

/**
 * What the promise stands on, each taken out by itself. `changedSource` refuses a change whose text is gone, so
 * whoever moves these lines is told to move the proof along.
 */
export const removals = {
  "the fdatasync call is deleted": [
    { file: "src/wal/segment-file.ts", from: "await this.#file.datasync();", to: "" },
  ],
  "acks leave before the sync": [
    {
      file: "src/wal/log-writer.ts",
      from: `this.#options.syncMode === "always" ? this.#segment.durableSeq : this.#segment.writtenSeq;`,
      to: "this.#segment.writtenSeq;",
    },
    {
      file: "src/wal/log-writer.ts",
      from: `if (this.#options.syncMode === "always") {\n`,
      to: `if (this.#options.syncMode === "always") {\nthis.#options.listener.advanced();\n`,
    },
  ],
  "acks leave before the write": [
    {
      file: "src/wal/log-writer.ts",
      from: `this.#options.syncMode === "always" ? this.#segment.durableSeq : this.#segment.writtenSeq;`,
      to: "this.builder.appendedSeq;",
    },
  ],
  "reads do not wait for what they show": [
    {
      file: "src/engine/engine.ts",
      from: "return version > this.#writer.ackableSeq ? version : 0;",
      to: "return 0;",
    },
  ],
  "the repair of a torn tail is skipped": [
    {
      file: "src/wal/repair.ts",
      from: "const { walk, bytes } = last;\n",
      to:
        "const { walk, bytes } = last;\n" +
        `if (verdict.kind === "torn") return { tornFile: undefined, ` +
        "file: fileSystem.open(join(directory, segmentName(last.number))) };",
    },
  ],
  "recovery believes the page cache": [
    {
      file: "src/wal/repair.ts",
      from: "const { walk, bytes } = last;\n",
      to:
        "const { walk, bytes } = last;\n" +
        `if (verdict.kind === "clean") return { tornFile: undefined, ` +
        "file: fileSystem.open(join(directory, segmentName(last.number))) };",
    },
  ],
  "the directory is not synced behind a new segment": [
    { file: "src/vfs/publish.ts", from: "  await fileSystem.syncDirectory(directory);\n", to: "" },
  ],
  "the chain is not checked": [
    {
      file: "src/wal/segment-walk.ts",
      from: "if (group.previousChecksum !== walk.lastChecksum)",
      to: "if (false)",
    },
  ],
} satisfies Record<string, readonly SourceChange[]>;

export type Removal = keyof typeof removals;
