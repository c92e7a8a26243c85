import { expect, test } from "bun:test";
import { median, ratioOf, ratioOfRounds, type RatioWanted, type Row } from "./results.ts";

const wanted: RatioWanted = {
  suite: "wire",
  case: "set",
  against: "redis",
  what: "rate",
  goal: 2,
  relation: ">=",
};

function row(subject: string, round: number, opsPerSec: number, more: Partial<Row> = {}): Row {
  return {
    suite: "wire",
    case: "set",
    subject,
    round,
    opsPerSec,
    p50Ms: 0,
    p99Ms: 0,
    p999Ms: 0,
    p9999Ms: 0,
    maxMs: 0,
    rssBytes: 0,
    cpuPercent: 0,
    ...more,
  };
}

test("the median of an even count lies between the two in the middle", () => {
  expect(median([4, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBe(0);
});

test("a ratio is the median of the rounds' own ratios, not the ratio of medians", () => {
  const rows = [
    row("holdfast", 0, 300),
    row("redis", 0, 100),
    // Rows stand in the order of the runs, in which the other one goes first in every second round.
    row("redis", 1, 10),
    row("holdfast", 1, 10),
    row("holdfast", 2, 400),
    row("redis", 2, 200),
    row("holdfast", 2, 1, { case: "get" }),
    row("holdfast", 2, 1, { suite: "limit" }),
  ];
  const ratio = ratioOf(rows, { ...wanted, subject: "holdfast" });
  expect(ratio).toEqual({ ...wanted, ratio: 2, least: 1, greatest: 3, rounds: 3, met: true });
});

test("a round of which one half is missing has no ratio, and no rounds make none at all", () => {
  const rows = [row("holdfast", 0, 300), row("holdfast", 1, 100), row("redis", 1, 100)];
  expect(ratioOf(rows, { ...wanted, subject: "holdfast" })).toMatchObject({
    ratio: 1,
    rounds: 1,
    met: false,
  });
  expect(ratioOf(rows.slice(0, 2), { ...wanted, subject: "holdfast" })).toBeUndefined();
});

test("a ratio can be of another number, of another case, and better when it is less", () => {
  const rows = [row("holdfast", 0, 1, { p999Ms: 2 }), row("redis", 0, 9, { p999Ms: 4, case: "other" })];
  const latency = { ...wanted, what: "p99.9", goal: 0.5, relation: "<=" } as const;
  const asked = { ...latency, subject: "holdfast", caseOfOther: "other" };
  expect(ratioOf(rows, asked, ({ p999Ms }) => p999Ms)).toMatchObject({ ratio: 0.5, met: true });
  expect(ratioOfRounds(latency, [0.51])).toMatchObject({ met: false });
});
