import { expect, test } from "bun:test";
import { withSeed } from "../support/seeds.ts";
import { reportText } from "./fuzz-report.ts";
import { fuzz } from "./fuzz.ts";

/** A slice of what `bun tests/fuzz/fuzz.ts --frames 1000000` does. */
const frames = 40_000;
const answersOfNote = [
  ...["OK", "MALFORMED", "CONFLICT", "UNSUPPORTED", "UNKNOWN_OPCODE", "HELLO_REQUIRED"],
  "SNAPSHOT_EXPIRED",
];

test("garbage from many sockets is answered as specified, and an honest client loses nothing", async () => {
  await withSeed(async (_, seed) => {
    const report = await fuzz({ frames, seed });
    if (report.violations.length > 0) console.error(reportText(report));
    expect(report.violations).toEqual([]);
    expect(report.frames).toBeGreaterThanOrEqual(frames);
    // The crowd would be harmless if it were refused altogether, or never.
    for (const name of answersOfNote) expect(report.answers[name]).toBeGreaterThan(frames / 2_000);
  });
}, 120_000);
