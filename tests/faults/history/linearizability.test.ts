import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Random, seededRandom } from "../../../src/lib/random.ts";
import { forManySeeds, freshSeed, withSeed } from "../../support/seeds.ts";
import type { Sabotage } from "../../support/simulated-store.ts";
import { crossCheck } from "./cross-check.ts";
import { isLinearizable } from "./exhaustive-search.ts";
import { historyOf, impossible, possible } from "./histories-by-hand.ts";
import { violationIn } from "./linearizability.ts";
import { randomHistory } from "./random-history.ts";

describe("the checker by hand", () => {
  for (const [name, lines] of possible) {
    test(`possible: ${name}`, () => {
      expect(violationIn(historyOf(lines))).toBeUndefined();
      expect(isLinearizable(historyOf(lines))).toBe(true);
    });
  }

  for (const [name, rule, lines] of impossible) {
    test(`impossible: ${name}`, () => {
      expect(violationIn(historyOf(lines))?.rule).toBe(rule);
      expect(isLinearizable(historyOf(lines))).toBe(false);
    });
  }
});

/** Random numbers that fast-check makes smaller when something fails: the history gets simpler with them. */
const dice = fc.array(fc.nat(0xffff_ffff), { minLength: 40, maxLength: 160, size: "max" });

function randomFrom(numbers: readonly number[]): Random {
  let at = 0;
  const rest = seededRandom(numbers.length);
  return { uint32: () => numbers[at++] ?? rest.uint32() };
}

test("the quick checker and the one that tries every order agree, whatever was done to a history", () => {
  const counts = { valid: 0, invalid: 0 };
  const property = fc.property(dice, (numbers) => {
    counts[crossCheck(randomFrom(numbers)) ? "valid" : "invalid"]++;
  });
  fc.assert(property, { seed: freshSeed() | 0, numRuns: 3_000 });
  expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(600);
});

const size = { clients: 4, operations: 150, keys: ["a", "b", "c", "d"] };

test("a store that keeps the promise is never accused, over many crashes", async () => {
  await forManySeeds(300, (random) => expect(violationIn(randomHistory(random, size))).toBeUndefined());
});

test("a long history is judged as surely as a short one", async () => {
  await withSeed((random) => {
    const history = randomHistory(random, { ...size, clients: 16, operations: 5_000 });
    expect(history.operations.length).toBe(5_000);
    expect(violationIn(history)).toBeUndefined();
  });
});

/** In how many of 200 runs it must be found: about half of those in which it was when this was written. */
const sabotages: [Sabotage, number][] = [
  ["acknowledges before the sync", 90],
  ["shows what is not synced", 30],
  ["refuses by what is not synced", 15],
  ["tears a batch", 25],
  ["ignores conditions", 100],
  ["gives numbers out again", 80],
];

for (const [sabotage, findsMin] of sabotages) {
  test(`a store that ${sabotage} is found out by its history`, () => {
    let finds = 0;
    for (let seed = 1; seed <= 200; seed++) {
      if (violationIn(randomHistory(seededRandom(seed), { ...size, sabotage })) !== undefined) finds++;
    }
    expect(finds).toBeGreaterThanOrEqual(findsMin);
  });
}
