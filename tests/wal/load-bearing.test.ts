import { expect, test } from "bun:test";
import { survivorsOf } from "./load-bearing.ts";
import { mutants } from "./mutants.ts";

/** Every sync, check and order of the log carries weight: whichever is taken out, a test fails. */
test(
  "what the log relies on can't be taken out without a test that fails",
  async () => {
    expect(mutants.length).toBeGreaterThanOrEqual(40);
    expect(await survivorsOf(mutants)).toEqual([]);
  },
  { timeout: 300_000 },
);
