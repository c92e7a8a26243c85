import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBelow } from "../../../src/lib/random.ts";
import { withSeed } from "../../support/seeds.ts";
import { sourceRoot } from "../../support/server-process.ts";
import { changed, Workbench } from "../mutants/workbench.ts";
import { exhibits } from "./exhibits.ts";
import { failureOf } from "./failure.ts";

const triedEachRun = 3;

describe("the museum", () => {
  test("has at least twenty bugs of at least ten systems, each with a source and a story", () => {
    expect(exhibits.length).toBeGreaterThanOrEqual(20);
    expect(new Set(exhibits.map(({ system }) => system)).size).toBeGreaterThanOrEqual(10);
    for (const { name, source, story } of exhibits) {
      expect({ name, isSourced: /https?:|OSDI|ATC|postmortem|commit/.test(source) }).toEqual({
        name,
        isSourced: true,
      });
      const sentences = story.split(/[.:;?] /).length;
      expect({ name, isTold: sentences >= 3 && story.includes("The same here") }).toEqual({
        name,
        isTold: true,
      });
    }
  });

  test("makes its bugs out of text that the source has exactly once", () => {
    for (const { changes } of exhibits) {
      const texts = new Map<string, string>();
      for (const change of changes) {
        const text = texts.get(change.file) ?? readFileSync(join(sourceRoot, change.file), "utf8");
        texts.set(change.file, changed(text, change));
      }
    }
  });

  test(
    "has some of its bugs caught, others each time, with the words that their stories name",
    () =>
      withSeed(async (random) => {
        using workbench = new Workbench();
        const rest = [...exhibits];
        for (let count = 0; count < triedEachRun; count++) {
          const [exhibit] = rest.splice(randomBelow(random, rest.length), 1);
          expect(failureOf(exhibit!, await workbench.prove(exhibit!))).toBeUndefined();
        }
      }),
    { timeout: 120_000 },
  );

  test("notices a bug that nobody catches, and one that is caught by chance", () => {
    const [mutant] = exhibits;
    const proof = { mutant: mutant!, seconds: 0 };
    expect(failureOf(mutant!, { ...proof, outcome: "survived", message: "" })).toContain(
      "passed all the same",
    );
    expect(failureOf(mutant!, { ...proof, outcome: "not run", message: "no such test" })).toContain(
      "proved nothing",
    );
    expect(failureOf(mutant!, { ...proof, outcome: "killed", message: "a is not defined" })).toContain(
      "other words",
    );
  });
});
