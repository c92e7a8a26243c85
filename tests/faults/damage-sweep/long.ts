import { parseArgs } from "node:util";
import { seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import type { Damage } from "./damages.ts";
import { saveDamage, savedDamage } from "./saved-store.ts";
import { makeSubject, type Subject } from "./subject.ts";
import { DamageSweep } from "./sweep.ts";
import { linesOf, Tally } from "./tally.ts";

/**
 * `bun tests/faults/damage-sweep/long.ts --minutes N [--seed S]`: does all damages to one store after the other, for so
 * long. `--each K`: only K of each kind, drawn, to one store. `--saved DIRECTORY`: the damage that a failure has saved
 * there. Exits with 1 at the first outcome that may not be, and saves the damaged store.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    each: { type: "string" },
    saved: { type: "string" },
  },
});

const seed = Number(flags.seed ?? freshSeed());
const tally = new Tally();
const startedMs = performance.now();
if (flags.saved !== undefined) {
  const { subject, damage } = await savedDamage(flags.saved);
  await tryAll(await DamageSweep.begin(subject), [damage]);
} else if (flags.each !== undefined) {
  for (const end of ["killed", "closed"] as const) {
    const sweep = await DamageSweep.begin(await makeSubject(seed, end));
    await tryAll(sweep, sweep.draw(Number(flags.each), seededRandom(seed)));
  }
} else {
  await sweepFor(Number(flags.minutes));
}
console.log(linesOf(tally, (performance.now() - startedMs) / 1000, seed).join("\n"));

async function sweepFor(minutes: number): Promise<void> {
  const endsMs = startedMs + minutes * 60_000;
  for (let store = 0; performance.now() < endsMs; store++) {
    const end = store % 2 === 0 ? "killed" : "closed";
    const sweep = await DamageSweep.begin(await makeSubject((seed + store) >>> 0, end));
    await tryAll(sweep, inStrides(sweep, endsMs));
  }
}

/** All damages, each once, in an order in which every kind and every file comes early and often. */
function* inStrides(sweep: DamageSweep, endsMs: number): Generator<Damage> {
  const { size } = sweep;
  let stride = Math.floor(size * 0.618);
  while (greatestCommonDivisor(stride, size) !== 1) stride++;
  for (let count = 0, index = 0; count < size; count++, index = (index + stride) % size) {
    if (count % 64 === 0 && performance.now() > endsMs) return;
    const damage = sweep.damage(index);
    if (damage !== undefined) yield damage;
  }
  tally.storesSwept++;
}

async function tryAll(sweep: DamageSweep, damages: Iterable<Damage>): Promise<void> {
  tally.begin(sweep);
  for (const damage of damages) {
    try {
      await sweep.try(damage);
    } catch (error) {
      report(sweep.subject, damage, error as Error);
      process.exit(1);
    }
  }
}

function report(subject: Subject, damage: Damage, error: Error): void {
  const directory = flags.saved ?? saveDamage(subject, damage);
  console.error(
    `${damage.kind}, ${damage.place}: ${error.name === "Violation" ? error.message : error.stack}`,
  );
  console.error(`Repeat this with bun tests/faults/damage-sweep/long.ts --saved ${directory}`);
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}
