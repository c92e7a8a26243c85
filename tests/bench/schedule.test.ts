import { expect, test } from "bun:test";
import { randomBelow } from "../../src/lib/random.ts";
import { forManySeeds } from "../support/seeds.ts";
import { Schedule } from "./schedule.ts";

test("a request is due at the beginning of the millisecond by which it is counted as due", () =>
  forManySeeds(50, (random) => {
    const startMs = randomBelow(random, 1e9) / 7;
    const perSecond = 1 + randomBelow(random, 1_000_000) / (1 + randomBelow(random, 1000));
    const schedule = new Schedule(startMs, perSecond);
    for (let round = 0; round < 200; round++) {
      const index = randomBelow(random, 3_000_000);
      const intendedMs = schedule.intendedMs(index);
      const told = { startMs, perSecond, index };
      const isDue = (nowMs: number) => schedule.dueBy(nowMs) > index;
      // Half a millisecond to either side: the beginning itself is a number that rounding may push.
      expect({ ...told, isDue: isDue(intendedMs + 0.5) }).toEqual({ ...told, isDue: true });
      expect({ ...told, isDue: isDue(intendedMs - 0.5) }).toEqual({ ...told, isDue: false });
      const slackMs = 1.001 + 1000 / perSecond;
      const exactMs = startMs + (index / perSecond) * 1000;
      expect({ ...told, isFar: Math.abs(intendedMs - exactMs) > slackMs }).toEqual({ ...told, isFar: false });
    }
  }));

test("before the start nothing is due, and in a second as many as the rate says", () => {
  const schedule = new Schedule(1000, 2500);
  expect(schedule.dueBy(999.9)).toBe(0);
  expect(schedule.dueBy(1000)).toBe(2);
  expect(schedule.dueBy(1001)).toBe(5);
  expect(schedule.dueBy(1999)).toBe(2500);
  expect(schedule.countOf(1000)).toBe(2500);
});
