import { expect, test } from "bun:test";
import { withSeed } from "../support/seeds.ts";
import { uniformKeys, zipfianKeys, zipfianRanks } from "./key-source.ts";

test("Zipfian ranks come as often as n ** -0.99 says, within five standard deviations", () =>
  withSeed((random) => {
    const entryCount = 10_000;
    const draws = 400_000;
    const rank = zipfianRanks(entryCount, random);
    const counts = new Float64Array(entryCount);
    for (let index = 0; index < draws; index++) counts[rank()]!++;
    let harmonic = 0;
    for (let n = 1; n <= entryCount; n++) harmonic += n ** -0.99;

    for (const [first, last] of [
      [1, 1],
      [2, 2],
      [3, 30],
      [31, 300],
      [301, 10_000],
    ] as const) {
      let expected = 0;
      let actual = 0;
      for (let n = first; n <= last; n++) {
        expected += n ** -0.99 / harmonic;
        actual += counts[n - 1]! / draws;
      }
      const deviations = Math.abs(actual - expected) / Math.sqrt((expected * (1 - expected)) / draws);
      expect({ first, last, isFar: deviations > 5 ? deviations : false }).toEqual({
        first,
        last,
        isFar: false,
      });
    }
  }));

test("a source gives only entries that there are, and the same ones for the same seed", () => {
  for (const keysOf of [uniformKeys, zipfianKeys]) {
    const [one, same, other] = [keysOf(1000, 7), keysOf(1000, 7), keysOf(1000, 8)];
    const draw = (source: typeof one) => Array.from({ length: 5000 }, () => source.next());
    const numbers = draw(one);
    expect(draw(same)).toEqual(numbers);
    expect(draw(other)).not.toEqual(numbers);
    expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 1000)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(200);
  }
});
