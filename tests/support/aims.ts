import { randomBelow } from "../../src/lib/random.ts";
import { AimedStore, type AimedRunOptions, type Script } from "./aimed-run.ts";
import { withSeed } from "./seeds.ts";
import type { StorePart } from "./strace.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import type { SystemCall } from "./trace.ts";
import { inTwoLanes } from "./two-lanes.ts";

/** A kind of system call that a server makes, on some of its paths: on those alone it is counted. */
export interface Target {
  readonly call: string;
  /** Undefined: wherever it is made. */
  readonly part?: StorePart;
  /** A server that makes fewer of them does not do what is aimed at. */
  readonly callsMin: number;
}

/** The n-th call of a target that one and the same thread makes. */
export interface Aim {
  readonly call: string;
  readonly part: StorePart | undefined;
  readonly n: number;
}

/** A test that goes through all calls takes minutes. */
export const aimedTimeoutMs = process.env["AIMED"] === "all" ? 3_600_000 : 120_000;

/** AIMED=all goes through every call there is. Without it, a few that are spread over all of them, others each time. */
const takesAll = process.env["AIMED"] === "all";

/**
 * Runs `body` for calls of the targets in two lanes, each with another call; it says whether its server met the call
 * at all. `reference` plays the same to a server that nothing happens to: so many calls there are to choose from.
 */
export async function forAims(
  targets: readonly Target[],
  options: {
    /** How many calls are chosen, unless all are taken. */
    readonly spread: number;
    readonly reference: (part: StorePart | undefined) => Promise<readonly SystemCall[]>;
  },
  body: (aim: Aim) => Promise<boolean>,
): Promise<void> {
  await withSeed(async (random) => {
    const aims: Aim[] = [];
    for (const { call, part, callsMin } of targets) {
      const count = callsOfBusiestThread(await options.reference(part), call);
      if (count < callsMin)
        throw new Error(`The server made ${count} calls of ${call}, and should make ${callsMin}`);
      // How requests share groups differs from run to run, and so does the number of calls, by a few.
      const last = takesAll ? count : Math.max(callsMin, Math.floor(0.9 * count));
      for (let n = 1; n <= last; n++) aims.push({ call, part, n });
    }
    const spread = takesAll ? aims.length : Math.min(options.spread, aims.length);
    const chosen = Array.from({ length: spread }, (_, index) => {
      const from = Math.floor((index * aims.length) / spread);
      const to = Math.floor(((index + 1) * aims.length) / spread);
      return aims[from + randomBelow(random, to - from)]!;
    });
    let hits = 0;
    await inTwoLanes(chosen, async (aim) => {
      if (await body(aim)) hits++;
    });
    if (hits < chosen.length * 0.7)
      throw new Error(`Of ${chosen.length} calls that were aimed at, ${hits} were met`);
    if (takesAll) console.log(`${hits} of ${chosen.length} calls met`);
  });
}

/** The words by which a server is told what happens to the call. */
export function aimed({ call, part, n }: Aim, happens: string): Pick<AimedRunOptions, "inject" | "part"> {
  return { inject: `${call}:${happens}:when=${n}`, part };
}

/** What servers do that nothing happens to: played once for each of the parts. */
export function references(
  begin: (directory: string) => Promise<AimedStore>,
  script: Script = "merging",
): (part: StorePart | undefined) => Promise<readonly SystemCall[]> {
  const played = new Map<StorePart | undefined, Promise<readonly SystemCall[]>>();
  const play = async (part: StorePart | undefined) => {
    using directory = temporaryDirectory();
    const store = await begin(directory.path);
    const { calls, isComplete } = await store.run({ part, script });
    if (!isComplete) throw new Error("A server that nothing happened to did not answer everything");
    return calls;
  };
  return (part) => {
    if (!played.has(part)) played.set(part, play(part));
    return played.get(part)!;
  };
}

/** Calls are counted for each thread by itself, so that it is the busiest one whose calls are all met. */
function callsOfBusiestThread(calls: readonly SystemCall[], name: string): number {
  const counts = new Map<number, number>();
  for (const call of calls) {
    if (call.name === name) counts.set(call.thread, (counts.get(call.thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
