import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBelow } from "../../../src/lib/random.ts";
import { withSeed } from "../../support/seeds.ts";
import { sourceRoot } from "../../support/server-process.ts";
import { allMutants, ownMutants } from "./all-mutants.ts";
import { change } from "./placed-mutant.ts";
import { changed, verdictOn, Workbench } from "./workbench.ts";

const textOf = (file: string) => readFileSync(join(sourceRoot, file), "utf8");

/** Whether every run of the tests has the time for it. */
const quick = ownMutants.filter(({ isSlow, survives }) => isSlow !== true && survives === undefined);
const triedEachRun = 5;

let workbench: Workbench;
beforeAll(() => {
  workbench = new Workbench();
});
afterAll(() => workbench[Symbol.dispose]());

describe("every mutant", () => {
  test("changes text that its source has exactly once", () => {
    const problems: string[] = [];
    for (const { name, changes } of allMutants) {
      const texts = new Map<string, string>();
      try {
        for (const each of changes)
          texts.set(each.file, changed(texts.get(each.file) ?? textOf(each.file), each));
      } catch (error) {
        problems.push(`${name}: ${(error as Error).message}`);
      }
      for (const [file, text] of texts)
        if (text === textOf(file)) problems.push(`${name}: ${file} stays as it is`);
    }
    expect(problems).toEqual([]);
    expect(allMutants.length).toBeGreaterThanOrEqual(280);
  });

  test("has a name of its own, and a test file that is there", () => {
    const names = ownMutants.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
    const missing = allMutants.filter(({ killer: [file] }) => !Bun.file(join(sourceRoot, file)).size);
    expect(missing.map(({ killer }) => killer[0])).toEqual([]);
  });

  test("is killed, or there is a reason why it can't be; of a hundred at most five", () => {
    expect(allMutants.filter(({ survives }) => survives !== undefined).length * 20).toBeLessThanOrEqual(
      allMutants.length,
    );
  });
});

describe("some of the mutants, others each time,", () => {
  test(
    "are killed by the tests that they name",
    () =>
      withSeed(async (random) => {
        const rest = [...quick];
        for (let count = 0; count < triedEachRun; count++) {
          const [mutant] = rest.splice(randomBelow(random, rest.length), 1);
          const { outcome, message } = await workbench.prove(mutant!);
          expect({ name: mutant!.name, outcome, message }).toEqual({
            name: mutant!.name,
            outcome: "killed",
            message,
          });
        }
      }),
    { timeout: 120_000 },
  );
});

describe("the workbench", () => {
  const killer = ["tests/wal/headers.test.ts", "a segment's header says what is wrong with it"] as const;
  const inHeader = (from: string, to: string) => [change("wal/segment-header.ts", from, to)];

  test("tells what survives from what is killed, and from what proves nothing", async () => {
    const outcomeOf = async (changes: ReturnType<typeof inHeader>, by: readonly [string, string] = killer) =>
      (await workbench.prove({ name: "an example", changes, killer: by })).outcome;
    expect(await outcomeOf(inHeader("if (version !== formatVersion)", "if (false)"))).toBe("killed");
    // The mutant before was undone.
    expect(
      await outcomeOf(inHeader("if (version !== formatVersion)", "if (formatVersion !== version)")),
    ).toBe("survived");
    expect(await outcomeOf(inHeader("if (version !== formatVersion)", "if (version !== "))).toBe("not run");
    expect(await outcomeOf([], [killer[0], "there is no such test"])).toBe("not run");
    expect(await outcomeOf(inHeader("there is no such text", ""))).toBe("not run");
  });

  test("takes no run without a test for a proof", () => {
    expect(verdictOn(0, "Ran 0 tests across 1 file.").outcome).toBe("not run");
    expect(verdictOn(1, "error: Cannot find module").outcome).toBe("not run");
    expect(verdictOn(0, "Ran 2 tests across 1 file.").outcome).toBe("survived");
    expect(verdictOn(1, "error: no\n(fail) a test [1.00ms]\nRan 2 tests across 1 file.")).toEqual({
      outcome: "killed",
      message: "no",
    });
  });
});
