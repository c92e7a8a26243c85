import { describe, expect } from "bun:test";
import { freshSeed, withSeed } from "../../support/seeds.ts";
import { testWithStrace } from "../../support/strace.ts";
import { pointsOf, Violation } from "../crash-states/enumerate.ts";
import { enumerateLife, type LifeBounds } from "./enumerate-lives.ts";
import { lives, PlayedLives } from "./lives.ts";
import { missingSafeguards, violationWithout } from "./missing-safeguards.ts";

/** A slice: long.ts visits the rest. */
const slice: Omit<LifeBounds, "seed"> = {
  statesMax: 6,
  stride: 8,
  deepRecoveries: 0,
  deepStatesMax: 0,
  realStartsMax: 0,
};

describe("every crash at a system call of the real server, in", () => {
  const seed = freshSeed();
  const played = new PlayedLives(seed);
  const [first, ...others] = lives.map(({ name }) => name);
  // Each needs what the first life has left. Others are played by other runs.
  const drawn = Array.from({ length: 2 }, (_, index) => others[(seed + index * 4) % others.length]!);
  for (const name of [first!, ...drawn]) {
    testWithStrace(
      `${name}, leaves what was acknowledged or shown, and a beginning of what was sent`,
      async () => {
        const bounds =
          name === first ? { ...slice, deepRecoveries: 1, deepStatesMax: 1, realStartsMax: 1 } : slice;
        const tally = await withSeed(() => enumerateLife(played, name, { ...bounds, seed }), seed);
        expect(pointsOf(tally)).toBeGreaterThan(2);
        expect(tally.recovered).toBeGreaterThan(5);
        expect(tally.realStarts).toBe(bounds.realStartsMax);
      },
    );
  }
});

describe("a real server without", () => {
  for (const missing of missingSafeguards.slice(0, 2)) {
    testWithStrace(`${missing.what} is found out by the crashes of its trace`, async () => {
      await withSeed(async (_, seed) => {
        const found = await violationWithout(missing, seed);
        expect(found).toBeInstanceOf(Violation);
        const story = /^puts.*: crash (before|within) .*line \d+ of the trace, .*\n {2}left: /s;
        expect((found as Violation).message).toMatch(story);
      });
    });
  }
});
