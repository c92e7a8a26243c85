import { ChildRun, type OtherResults } from "./child-run.ts";

/**
 * The parts of tests/faults that have a long version, in the order of its README. But for `window` and `hostile-peers`,
 * which measure, and want the machine for themselves.
 */
export const faultParts = [
  "history",
  "crash-states",
  "traced-states",
  "fault-sweep",
  "real-fault-sweep",
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
  readonly #children = new ChildRun();

  constructor(seed: number, minutesEach: number) {
    this.ended = this.#run(seed, minutesEach);
  }

  [Symbol.dispose](): void {
    this.#children[Symbol.dispose]();
  }

  async #run(seed: number, minutesEach: number): Promise<OtherResults> {
    const lines: string[] = [];
    let hasFailed = false;
    if (minutesEach === 0) return { lines, hasFailed };
    for (const part of faultParts) {
      if (this.#children.isDisposed) break;
      const words = [`tests/faults/${part}/long.ts`, "--minutes", `${minutesEach}`, "--seed", `${seed}`];
      const { exitCode, output } = await this.#children.bun(words);
      const told = output.filter((line) => line.trim() !== "").slice(-tellingLinesMax);
      lines.push(`${part.padEnd(18)}${exitCode === 0 ? told.join("; ") : "FAILED"}`);
      if (exitCode === 0 || this.#children.isDisposed) continue;
      hasFailed = true;
      console.error([...output, `Repeat it with bun ${words.join(" ")}`].join("\n"));
    }
    return { lines, hasFailed };
  }
}

/** Each part ends with one line or two that count what it did. */
const tellingLinesMax = 2;
