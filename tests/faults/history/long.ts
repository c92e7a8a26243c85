import { parseArgs } from "node:util";
import { seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { assertLinearizable } from "./assert-linearizable.ts";
import { crossCheck } from "./cross-check.ts";
import type { History } from "./history.ts";
import { recordPowerCuts } from "./record-power-cuts.ts";
import { recordRun } from "./record-run.ts";

/**
 * `bun tests/faults/history/long.ts --minutes N [--seed S]`: records and judges histories, by turns of the real
 * server under kills, disconnects and slow syncs, and of the engine in this process under power cuts. Exits with 1 at
 * the first violation, which is told in as few operations as show it, with the command that makes such a run again.
 *
 * `--run S` repeats one run by its own seed: of the engine exactly, of the server as far as the machine lets it, so
 * that `--repeat K` makes K of them. `--check S` repeats one comparison of the two checkers.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    run: { type: "string" },
    check: { type: "string" },
    repeat: { type: "string", default: "10" },
  },
});

/** Of the checker against the one that tries every order: a few hundredths of a second. */
const crossChecksPerRun = 200;
const counts = { crossChecks: 0, runs: 0, operations: 0, kills: 0, powerCuts: 0, disconnects: 0 };
const startedMs = performance.now();
const seed = Number(flags.seed ?? freshSeed());

if (flags.check !== undefined) compareCheckers(Number(flags.check));
else if (flags.run === undefined) await runFor(Number(flags.minutes) * 60_000);
else for (let count = 0; count < Number(flags.repeat); count++) await guarded(Number(flags.run));

const seconds = Math.round((performance.now() - startedMs) / 1000);
console.log(
  `${counts.operations} operations in ${counts.runs} histories, over ${counts.kills} kills, ${counts.powerCuts} crashes ` +
    `in memory and ${counts.disconnects} lost connections: all linearizable; ` +
    `both checkers agreed on ${counts.crossChecks} small histories; ${seconds} s, seed ${seed}`,
);

async function runFor(durationMs: number): Promise<void> {
  const random = seededRandom(seed);
  do {
    await guarded(random.uint32());
    for (let count = 0; count < crossChecksPerRun; count++) compareCheckers(random.uint32());
  } while (performance.now() - startedMs < durationMs);
}

/** A server that ends by itself, or a store that refuses to open, is as bad as an answer that is wrong. */
async function guarded(runSeed: number): Promise<void> {
  try {
    await recordOne(runSeed);
  } catch (error) {
    console.error(error);
    console.error(`Repeat it with bun tests/faults/history/long.ts --run ${runSeed}`);
    process.exit(1);
  }
}

/** One seed in four is the server's, and the others are the engine's: every run says by its seed what it is. */
async function recordOne(runSeed: number): Promise<void> {
  if (runSeed % 4 !== 0) {
    const { history, cuts } = await recordPowerCuts(seededRandom(runSeed), {
      cuts: 20,
      stepsPerLife: 300,
      clients: 2 + ((runSeed >>> 2) % 7),
    });
    counts.powerCuts += cuts.kept + cuts.lost + cuts.mixed;
    judge(history);
  } else {
    using directory = temporaryDirectory();
    const clients = 3 + ((runSeed >>> 2) % 8);
    const run = await recordRun({
      directory: directory.path,
      seed: runSeed,
      lives: 12,
      clients,
      syncDelayMs: 5,
    });
    counts.kills += run.kills;
    counts.disconnects += run.disconnects;
    judge(run.history);
  }
}

function compareCheckers(checkSeed: number): void {
  try {
    crossCheck(seededRandom(checkSeed));
    counts.crossChecks++;
  } catch (error) {
    console.error(error);
    console.error(`Repeat it with bun tests/faults/history/long.ts --check ${checkSeed}`);
    process.exit(1);
  }
}

function judge(history: History): void {
  counts.runs++;
  counts.operations += history.operations.length;
  assertLinearizable(history);
}
