import { randomBelow, type Random } from "../../../src/lib/random.ts";
import { corruptHistory } from "./corrupt-history.ts";
import { isLinearizable } from "./exhaustive-search.ts";
import { violationIn } from "./linearizability.ts";
import { printHistory } from "./print-history.ts";
import { randomHistory } from "./random-history.ts";

/**
 * Draws a small history, corrupts it or not, and has it judged by the quick checker and by the one that tries every
 * order. Returns whether it is one that a store can have; throws if the two do not agree.
 */
export function crossCheck(random: Random): boolean {
  const keys = ["a", "b", "c"].slice(0, 1 + randomBelow(random, 3));
  const operations = 4 + randomBelow(random, 6);
  const corruptions = randomBelow(random, 4);
  let history = randomHistory(random, { clients: 3, operations, keys });
  for (let index = 0; index < corruptions; index++) history = corruptHistory(history, random);
  const violation = violationIn(history);
  if ((violation === undefined) === isLinearizable(history)) return violation === undefined;
  const detail = violation === undefined ? "finds nothing" : `says ${violation.rule}: ${violation.detail}`;
  throw new Error(
    `The quick checker ${detail}, and trying all orders says otherwise:\n${printHistory(history)}`,
  );
}
