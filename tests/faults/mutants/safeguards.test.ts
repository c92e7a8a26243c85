import { describe, expect, test } from "bun:test";
import { exhibits } from "../museum/exhibits.ts";
import { allMutants } from "./all-mutants.ts";
import { coverageOf } from "./coverage.ts";
import { exceptions } from "./exceptions.ts";
import { change } from "./placed-mutant.ts";
import { safeguards, safeguardsIn } from "./safeguards.ts";

describe("every safeguard of the source", () => {
  const found = safeguards();

  test("has a mutant, or a reason why it needs none", () => {
    const changes = [...allMutants, ...exhibits].flatMap((mutant) => mutant.changes);
    expect(coverageOf(found, changes, exceptions)).toEqual({ forgotten: [], stale: [] });
  });

  test("is of a kind that was met", () => {
    const counts = new Map<string, number>();
    for (const { kind } of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual(["checksum", "comparison", "removal", "sync", "visibility"]);
    for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(15);
    for (const room of ["wal", "table", "manifest", "engine", "compaction", "offline", "server", "vfs"])
      expect(found.filter(({ file }) => file.startsWith(`src/${room}/`)).length).toBeGreaterThan(0);
  });
});

describe("a safeguard that is added", () => {
  const file = "src/wal/example.ts";
  const code = [
    "export async function example(file: File): Promise<void> {",
    "  // await file.sync();",
    "  await file.datasync();",
    "  fileSystem.unlink(name);",
    "  if (version > this.#writer.ackableSeq) return;",
    '  if (crc32c(bytes) !== checksum) throw damage(0, "it is another");',
    "}",
    "",
  ].join("\n");
  const found = safeguardsIn(file, code);

  test("is found where it is called, not where it is declared or told of", () => {
    expect(found.map(({ kind, line }) => [kind, line])).toEqual([
      ["sync", 3],
      ["removal", 4],
      ["visibility", 5],
      ["checksum", 6],
    ]);
  });

  test("is forgotten until a mutant takes it out, or an exception explains it", () => {
    const changes = [change("wal/example.ts", "  await file.datasync();\n", "")];
    const explained = [
      { file, text: "fileSystem.unlink(", why: "" },
      { file, text: "await file.datasync();", why: "" },
      { file, text: "not there", why: "" },
    ];
    const { forgotten, stale } = coverageOf(found, changes, explained, () => code);
    expect(forgotten.map((line) => line.split(" ")[0])).toEqual([`${file}:5`, `${file}:6`]);
    expect(stale).toEqual([`${file}: await file.datasync();`, `${file}: not there`]);
  });
});
