import { join } from "node:path";
import { sourceRoot } from "../support/server-process.ts";
import type { OtherResults } from "./other-tests.ts";

/**
 * The parts of tests/faults that have a long version, in the order of its README. But for `window`, which measures, and
 * wants the machine for itself.
 */
export const faultParts = [
  "history",
  "crash-states",
  "fault-sweep",
  "damage-sweep",
  "simulation",
  "interleavings",
  "fuzzing",
  "mutants",
  "museum",
] as const;

/** Plays the long version of each part for so many minutes, one after the other in processes of their own. */
export class FaultLab implements Disposable {
  readonly ended: Promise<OtherResults>;
  #child: Bun.Subprocess | undefined;
  #isDisposed = false;

  constructor(seed: number, minutesEach: number) {
    this.ended = this.#run(seed, minutesEach);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#child?.kill("SIGKILL");
  }

  async #run(seed: number, minutesEach: number): Promise<OtherResults> {
    const lines: string[] = [];
    let hasFailed = false;
    if (minutesEach === 0) return { lines, hasFailed };
    for (const part of faultParts) {
      if (this.#isDisposed) break;
      const words = [`--minutes`, `${minutesEach}`, "--seed", `${seed}`];
      const { exitCode, output } = await this.#play(part, words);
      const told = output.filter((line) => line.trim() !== "").slice(-tellingLinesMax);
      lines.push(`${part.padEnd(18)}${exitCode === 0 ? told.join("; ") : "FAILED"}`);
      if (exitCode === 0 || this.#isDisposed) continue;
      hasFailed = true;
      console.error(
        [...output, `Repeat it with bun tests/faults/${part}/long.ts ${words.join(" ")}`].join("\n"),
      );
    }
    return { lines, hasFailed };
  }

  async #play(part: string, words: readonly string[]): Promise<{ exitCode: number; output: string[] }> {
    const path = join(sourceRoot, "tests/faults", part, "long.ts");
    const child = Bun.spawn([process.execPath, path, ...words], {
      cwd: sourceRoot,
      env: { ...process.env, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#child = child;
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { exitCode: await child.exited, output: `${stderr}${stdout}`.trimEnd().split("\n") };
  }
}

/** Each part ends with one line or two that count what it did. */
const tellingLinesMax = 2;
