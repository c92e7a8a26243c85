import { beginnings } from "./beginnings.ts";
import { crashesOf, judgeRestart, judgeRun, type Outcome } from "./judge.ts";
import { type MadeCall, play } from "./script.ts";
import { Violation } from "./violation.ts";
import { waysToFail, type Way } from "./ways.ts";

/** One fault at one call of one run. */
export interface Case {
  readonly beginning: string;
  readonly index: number;
  readonly call: MadeCall;
  readonly way: Way;
}

/** Every call of the runs without a fault, in every way in which it can fail. */
export async function casesOf(): Promise<Case[]> {
  const cases: Case[] = [];
  for (const beginning of Object.keys(beginnings)) {
    for (const [index, call] of (await referenceOf(beginning)).entries())
      for (const way of waysToFail(call)) cases.push({ beginning, index, call, way });
  }
  return cases;
}

const references = new Map<string, Promise<readonly MadeCall[]>>();

/** The calls of a run without a fault, which come to the same each time. */
export function referenceOf(beginning: string): Promise<readonly MadeCall[]> {
  const known =
    references.get(beginning) ?? (async () => (await play(await beginnings[beginning]!())).calls)();
  references.set(beginning, known);
  return known;
}

export interface Judged {
  readonly outcome: Outcome;
  readonly restarts: number;
}

/** Plays the run with the fault, and then stops the machine in each way; throws if anything promised was broken. */
export async function tryCase(each: Case): Promise<Judged> {
  const { beginning, index, way } = each;
  const rejections = new Rejections();
  try {
    const injection = { way, index, calls: await referenceOf(beginning) };
    const run = await play(await beginnings[beginning]!(), injection);
    const outcome = judgeRun(run, injection);
    const crashes = crashesOf(index);
    for (const [name, crash] of crashes) {
      try {
        await judgeRestart(run, crash);
      } catch (error) {
        throw new Violation(`${name}: ${(error as Error).message}`, error);
      }
    }
    rejections.assertNone();
    return { outcome, restarts: crashes.length };
  } catch (error) {
    throw new Violation(`${storyOf(each)}: ${(error as Error).message}`, error);
  } finally {
    rejections.stop();
  }
}

export function storyOf({ beginning, index, call, way }: Case): string {
  const { name, spread, lost, applied } = way;
  const details = [spread, lost && `cache ${lost}`, applied && "though done"].filter(Boolean).join(", ");
  return `${name} (${details}) at call ${index}, ${call.kind} ${call.path} of the ${call.by}, from ${beginning}`;
}

/** Promises that were rejected, and nobody was there to hear. */
class Rejections {
  readonly #reasons: unknown[] = [];
  readonly #listener = (reason: unknown) => void this.#reasons.push(reason);

  constructor() {
    process.on("unhandledRejection", this.#listener);
  }

  assertNone(): void {
    const [reason] = this.#reasons;
    if (reason !== undefined) throw new Violation(`a rejection that nobody heard: ${String(reason)}`, reason);
  }

  stop(): void {
    process.off("unhandledRejection", this.#listener);
  }
}
