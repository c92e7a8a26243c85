import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";

/** One check of the readers that is taken out, and which fuzz must see that it is gone. */
const mutants: readonly (SourceChange & { name: string; by: readonly string[] })[] = [
  {
    name: "the length of a bin is not held against the frame",
    file: "src/protocol/msgpack-reader.ts",
    from: "if (length > this.end - offset) this.fail(`${what} of ${length} bytes does not fit`);",
    to: "",
    by: ["--frames", "20000", "--files", "0"],
  },
  {
    name: "a key may be longer than the limit by one",
    file: "src/protocol/request.ts",
    from: "if (length > this.#limits.keyBytesMax)",
    to: "if (length > this.#limits.keyBytesMax + 1)",
    by: ["--frames", "20000", "--files", "0"],
  },
  {
    name: "a group may go on behind its last record",
    file: "src/wal/record.ts",
    from: "return at === end && batchOperations === 0;",
    to: "return batchOperations === 0;",
    by: ["--frames", "0", "--files", "3000"],
  },
  {
    name: "a manifest's table may have versions that are not covered",
    file: "src/manifest/live-state.ts",
    from: "if (versionMax > edit.coveredSeq)",
    to: "if (false)",
    by: ["--frames", "0", "--files", "3000"],
  },
  {
    name: "the filter is not asked whether it knows all keys",
    file: "src/table/verify-table.ts",
    from: "if (!mayContain(filter, 0, lines, hash))",
    to: "if (false)",
    by: ["--frames", "0", "--files", "3000"],
  },
];

const folders = ["faults/fuzzing", "fuzz", "protocol", "wal", "manifest", "table", "support"];

describe("a check that is gone is missed", () => {
  for (const { name, by, ...change } of mutants) {
    test.concurrent(name, async () => {
      using copy = changedSource([change], ["src", ...folders.map((folder) => `tests/${folder}`)]);
      const long = join(copy.path, "tests/faults/fuzzing/long.ts");
      const run = Bun.spawn([process.execPath, long, ...by, "--seed", "1"], {
        stdout: "pipe",
        stderr: "pipe",
      });
      const [said, exitCode] = [await run.stderr.text(), await run.exited];
      expect({ said: said.slice(0, 2_000), exitCode }).toMatchObject({ exitCode: 1 });
      expect(said).toMatch(
        /^(a request|a response|a log|a manifest|a table|a stream)[^\n]*\n[\w= .]+\nRepeat it with: bun/,
      );
    });
  }
});
