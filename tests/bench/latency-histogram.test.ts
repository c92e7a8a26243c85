import { expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

test("percentiles are those of the sorted samples, at most 3 % and a microsecond above", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  const random = seededRandom(seed);
  const histogram = new LatencyHistogram();
  const samplesMs = Array.from({ length: 20_000 }, () => Math.exp((random.uint32() / 2 ** 32) * 18 - 7));
  for (const ms of samplesMs) histogram.record(ms);
  samplesMs.sort((a, b) => a - b);
  for (const share of [0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = samplesMs[Math.max(0, Math.ceil(share * samplesMs.length) - 1)]!;
    const told = histogram.percentileMs(share);
    expect({ seed, share, isBelow: told < exact }).toEqual({ seed, share, isBelow: false });
    expect({ seed, share, isFar: told > exact * 1.032 + 0.001 }).toEqual({ seed, share, isFar: false });
  }
  expect(histogram.percentileMs(1)).toBe(samplesMs.at(-1)!);
});

test("two histograms added are one of all samples, and a cleared one is empty", () => {
  const [whole, half, other] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
  for (let us = 1; us < 100_000; us += 7) {
    whole.record(us / 1000);
    (us % 2 === 0 ? half : other).record(us / 1000);
  }
  half.add(other);
  expect(half).toEqual(whole);
  half.clear();
  expect(half).toEqual(new LatencyHistogram());
  expect(half.percentileMs(0.99)).toBe(0);
});

test("the shortest and the longest latencies have a bucket", () => {
  const histogram = new LatencyHistogram();
  for (const ms of [0, 0.0001, 1e9]) histogram.record(ms);
  expect(histogram.count).toBe(3);
  expect(histogram.percentileMs(0.3)).toBe(0);
  expect(histogram.maxMs).toBe(1e9);
});

test("the curve rises from the quickest to the longest, over shares that have a latency above them", () => {
  const histogram = new LatencyHistogram();
  expect(histogram.curve()).toEqual([]);
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms);
  const curve = histogram.curve();
  expect(curve[0]![1]).toBeLessThan(1.1);
  expect(curve.at(-1)).toEqual([0.999, 1000]);
  expect(curve).toEqual(curve.toSorted(([a], [b]) => a - b));
  expect(curve).toEqual(curve.toSorted(([, a], [, b]) => a - b));
  const p90 = curve.find(([share]) => share >= 0.8999)!;
  expect(p90[1]).toBeCloseTo(900, -1.8);
});

test("a histogram comes whole out of another process", () => {
  const [there, here] = [new LatencyHistogram(), new LatencyHistogram()];
  for (let us = 1; us < 100_000; us += 7) there.record(us / 1000);
  here.addParts(structuredClone(there.parts()));
  expect(here).toEqual(there);
});
