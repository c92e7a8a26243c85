import { parseArgs } from "node:util";
import { seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import { corpusKinds, readCorpus, searchInto, writeCorpus, type Corpus } from "./corpus.ts";
import { CostMeter } from "./cost.ts";
import { runFiles, type FileCounts } from "./file-rounds.ts";
import { runFrames, type FrameCounts } from "./frame-rounds.ts";
import { Violation } from "./violation.ts";

/**
 * The long fuzz: `bun tests/faults/fuzzing/long.ts --frames N --files N --minutes M --seed S`, whichever
 * bound comes first. It goes on in rounds; each has a seed of its own, by which a failing one is repeated
 * alone. `--update-corpus` searches for inputs that reach something new instead, and keeps them.
 */
const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "50000000" },
    files: { type: "string", default: "5000000" },
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    "update-corpus": { type: "boolean", default: false },
  },
});
const seed = values.seed === undefined ? freshSeed() : Number(values.seed) >>> 0;
const framesWanted = Number(values.frames);
const filesWanted = Number(values.files);
const beganAt = performance.now();
const minutesMs = Number(values.minutes) * 60_000;
/** Half of the time is the files', unless there are none. */
const framesEndAt = beganAt + (filesWanted > 0 ? minutesMs / 2 : minutesMs);
const filesEndAt = beganAt + minutesMs;

/** A round makes its samples anew, which takes a second. */
const framesPerRound = 1_000_000;
const filesPerRound = 100_000;

// To capture the stack of each refusal would take longer than to read the frame.
Error.stackTraceLimit = 0;

if (values["update-corpus"]) await updateCorpus();
else await fuzz();
process.exit(0);

async function fuzz(): Promise<void> {
  const costs = new CostMeter();
  let growthBytes = 0;
  let rounds = seededRandom(seed);
  const frameCounts: FrameCounts = { frames: 0, outcomes: new Map() };
  let began = timesNow();
  for (
    let own = seed;
    frameCounts.frames < framesWanted && performance.now() < framesEndAt;
    own = rounds.uint32()
  ) {
    const frames = Math.min(framesPerRound, framesWanted - frameCounts.frames);
    const samples = frames < 100_000 ? 300 : 1_500;
    await orReport(own, frames, 0, () => runFrames(own, frames, costs, samples, frameCounts));
    growthBytes = Math.max(growthBytes, costs.growthBytes);
  }
  report("frames", frameCounts.frames, began, costs, growthBytes, frameCounts.outcomes.size);

  rounds = seededRandom(seed);
  growthBytes = costs.slowestMs = 0;
  began = timesNow();
  const fileCounts: FileCounts = { files: 0, outcomes: new Map() };
  for (
    let own = seed;
    fileCounts.files < filesWanted && performance.now() < filesEndAt;
    own = rounds.uint32()
  ) {
    const files = Math.min(filesPerRound, filesWanted - fileCounts.files);
    await orReport(own, 0, files, () => runFiles(own, files, costs, 60, fileCounts));
    growthBytes = Math.max(growthBytes, costs.growthBytes);
  }
  report("files", fileCounts.files, began, costs, growthBytes, fileCounts.outcomes.size);
}

async function orReport(own: number, frames: number, files: number, run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof Violation) console.error(`${error.message}\n${error.hex}`);
    else console.error(error);
    console.error(
      `Repeat it with: bun tests/faults/fuzzing/long.ts --frames ${frames} --files ${files} --seed ${own}`,
    );
    process.exit(1);
  }
}

function report(
  what: string,
  count: number,
  began: Times,
  costs: CostMeter,
  growthBytes: number,
  outcomes: number,
): void {
  if (count === 0) return;
  const seconds = (timesNow().wallMs - began.wallMs) / 1000;
  const perSecond = Math.round(count / seconds);
  const perProcessorSecond = Math.round((count * 1000) / (timesNow().processorMs - began.processorMs));
  console.log(
    `${count} ${what} in ${seconds.toFixed(1)} s, ${perSecond} a second, ${perProcessorSecond} a second of the processor; ` +
      `${outcomes} outcomes, 0 violations; slowest ${costs.slowestMs.toFixed(2)} ms, ` +
      `largest growth ${(growthBytes / 2 ** 20).toFixed(1)} MiB; seed ${seed}`,
  );
}

interface Times {
  readonly wallMs: number;
  readonly processorMs: number;
}

/** On a machine that is shared, only the processor's time says what a run takes. */
function timesNow(): Times {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), processorMs: (user + system) / 1000 };
}

async function updateCorpus(): Promise<void> {
  const corpora = new Map(corpusKinds.map((kind) => [kind, readCorpus(kind)] as [typeof kind, Corpus]));
  const frames = Math.min(framesWanted, 400_000);
  const files = Math.min(filesWanted, 40_000);
  const changed = await searchInto(corpora, seed, frames, files);
  for (const [kind, corpus] of corpora) writeCorpus(kind, corpus);
  const sizes = [...corpora].map(([kind, { size }]) => `${size} ${kind}s`).join(", ");
  console.log(`${changed} lines new or shorter, now ${sizes}; seed ${seed}`);
}
