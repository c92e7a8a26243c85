import { expect, test } from "bun:test";
import { survivorsOf } from "../wal/load-bearing.ts";
import { mutants } from "./mutants.ts";

/** Every order and sync on the way from the log into tables carries weight: whichever is taken out, a test fails. */
test(
  "what flushes and merges rely on can't be taken out without a test that fails",
  async () => {
    expect(mutants.length).toBeGreaterThanOrEqual(7);
    expect(await survivorsOf(mutants, "tests/crash")).toEqual([]);
  },
  { timeout: 300_000 },
);
