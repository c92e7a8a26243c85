import { expect, test } from "bun:test";
import { survivorsOf } from "../wal/load-bearing.ts";
import { mutants } from "./mutants.ts";

/**
 * Every sync, check and order of the manifest carries weight: whichever is taken out, a test fails. A few of them are
 * proved in every run; `MUTANTS=all bun test tests/manifest/load-bearing.test.ts` proves them all.
 */
const all = process.env["MUTANTS"] === "all";

test(
  "what the manifest relies on can't be taken out without a test that fails",
  async () => {
    const chosen = mutants.filter(({ inEveryRun }) => all || inEveryRun === true);
    expect(chosen.length).toBeGreaterThanOrEqual(8);
    expect(await survivorsOf(chosen, "tests/manifest")).toEqual([]);
  },
  { timeout: 300_000 },
);
