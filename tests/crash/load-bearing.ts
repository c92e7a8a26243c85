import { changedSource, type SourceChange } from "../support/changed-source.ts";
import { removals } from "../support/removals.ts";
import { mutants } from "./mutants.ts";

/**
 * `bun tests/crash/load-bearing.ts [WORD]`: takes out, one at a time and in a copy of the program, what the promise
 * stands on, runs the tests of this folder on the copy, and prints which of them fail. Exits with 1 if one of the
 * changes goes unnoticed. With a word, only the changes whose name holds it.
 */
const word = process.argv[2] ?? "";

/** The quick ones: what is aimed at single system calls shows the same, and takes longer. */
const quick = ["single-writer", "many-writers", "sync-order", "damage"];
/** What no kill of a process can show. */
const powerCuts = ["sync-order", "crash-points"];

const taken: { name: string; changes: readonly SourceChange[]; tests: string[] }[] = [
  ...Object.entries(removals).map(([name, changes]) => ({ name, changes, tests: quick })),
  ...mutants.map(({ name, changes }) => ({ name, changes, tests: powerCuts })),
];

let unnoticed = 0;
console.log("| taken out | fails (tests/crash) |\n| --- | --- |");
for (const { name, changes, tests } of taken) {
  if (!name.includes(word)) continue;
  const failures = await failuresWith(changes, tests);
  if (failures.length === 0) unnoticed++;
  console.log(`| ${name} | ${failures.map((failure) => `“${failure}”`).join("; ") || "**NOTHING**"} |`);
}
process.exitCode = unnoticed === 0 ? 0 : 1;

async function failuresWith(changes: readonly SourceChange[], tests: readonly string[]): Promise<string[]> {
  using copy = changedSource(changes, ["src", "client", "tests"]);
  const files = tests.map((name) => `tests/crash/${name}.test.ts`);
  const child = Bun.spawn([process.execPath, "test", ...files], {
    cwd: copy.path,
    env: { ...process.env, NO_COLOR: "1" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const report = await new Response(child.stderr).text();
  const failed = [...report.matchAll(/^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/gm)].map((match) => match[1]!);
  // Tests that change the source themselves can't find what is changed already.
  return [...new Set(failed)].filter((name) => !/it is found out when|^the tests above find out/.test(name));
}
