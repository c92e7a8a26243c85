import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";
import type { PlacedMutant } from "./placed-mutant.ts";

/**
 * What came of one mutant. "killed": its test failed. "survived": its test passed. "not run": what it wants to change is
 * not there, or there is no such test, or the copy does not load, and nothing is proved either way.
 */
export interface Proof {
  readonly mutant: PlacedMutant;
  readonly outcome: "killed" | "survived" | "not run";
  /** The first words of the failure. */
  readonly message: string;
  readonly seconds: number;
}

/**
 * A copy of the project in which one mutant after the other is made, tried and undone. One copy serves them all: making
 * it takes longer than most tests that are run on it.
 */
export class Workbench implements Disposable {
  readonly #copy = changedSource([], ["src", "client", "tests"]);

  [Symbol.dispose](): void {
    this.#copy[Symbol.dispose]();
  }

  /** Runs nothing but the named test, and not on after its first failure. */
  async prove(mutant: PlacedMutant, secondsMax = 300): Promise<Proof> {
    const startMs = performance.now();
    let originals: Map<string, string>;
    try {
      originals = this.#change(mutant.changes);
    } catch (error) {
      return { mutant, outcome: "not run", message: (error as Error).message, seconds: 0 };
    }
    try {
      const [file, test] = mutant.killer;
      const child = Bun.spawn(
        [process.execPath, "test", `./${file}`, "--bail", "--timeout", "20000", "-t", `^${escaped(test)}`],
        {
          cwd: this.#copy.path,
          env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
          stdin: "ignore",
          stdout: "ignore",
          stderr: "pipe",
          timeout: secondsMax * 1000,
          killSignal: "SIGKILL",
        },
      );
      const output = await new Response(child.stderr).text();
      const exitCode = await child.exited;
      const seconds = (performance.now() - startMs) / 1000;
      if (child.signalCode !== null) {
        return { mutant, outcome: "not run", message: `did not end in ${secondsMax} s`, seconds };
      }
      return { mutant, ...verdictOn(exitCode, output), seconds };
    } finally {
      for (const [path, text] of originals) writeFileSync(path, text);
    }
  }

  #change(changes: readonly SourceChange[]): Map<string, string> {
    const originals = new Map<string, string>();
    const texts = new Map<string, string>();
    for (const change of changes) {
      const path = join(this.#copy.path, change.file);
      const text = texts.get(path) ?? readFileSync(path, "utf8");
      if (!originals.has(path)) originals.set(path, text);
      texts.set(path, changed(text, change));
    }
    for (const [path, text] of texts) writeFileSync(path, text);
    return originals;
  }
}

/** Throws unless what is to be changed is there exactly once: a refactoring must not empty the proof. */
export function changed(text: string, { file, from, to }: SourceChange): string {
  const count = text.split(from).length - 1;
  if (count !== 1) throw new Error(`${file} has ${count} times what a mutant wants to change: ${from}`);
  return text.replace(from, () => to);
}

/** A run of no test at all exits with 0 or 1, depending on the runner: only a test that ran says anything. */
export function verdictOn(exitCode: number, output: string): Pick<Proof, "outcome" | "message"> {
  const ran = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  if (exitCode === 0 && ran > 0) return { outcome: "survived", message: "" };
  // A file that does not load is told as a failure without a test's name.
  if (/^\(fail\) (?!\(unnamed\))/m.test(output)) return { outcome: "killed", message: firstWords(output) };
  return { outcome: "not run", message: output.trim().split("\n").slice(-8).join(" | ") };
}

function firstWords(output: string): string {
  const error = /^(?:error|[A-Z]\w*Error): (.+)(?:\n+Expected: (.+))?(?:\n+Received: (.+))?/m.exec(output);
  if (error === null) return /^\(fail\) .*/m.exec(output)![0];
  const [, words = "", expected, received] = error;
  const difference = expected === undefined ? "" : ` expected ${expected}, received ${received ?? "?"}`;
  return `${words}${difference}`.slice(0, 240);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
