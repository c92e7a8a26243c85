import { describe, expect, test } from "bun:test";
import { corpusKinds, reachedBy, readCorpus } from "./corpus.ts";

describe("every kept input reaches what it is kept for", () => {
  for (const kind of corpusKinds) {
    test(`${kind}s`, () => {
      const corpus = readCorpus(kind);
      expect(corpus.size).toBeGreaterThan(20);
      // If a sentence was reworded: bun tests/faults/fuzzing/long.ts --update-corpus, and look at what became
      // of the lines.
      const reached = [...corpus].map(([what, hex]) => ({ hex, what, now: reachedBy(kind, hex) }));
      expect(reached.filter(({ what, now }) => verdictOf(what) !== verdictOf(now))).toEqual([]);
    });
  }
});

/** The sentences may be worded anew; what an input comes to must stay. */
function verdictOf(what: string): string {
  return what.slice(0, what.indexOf(":"));
}
