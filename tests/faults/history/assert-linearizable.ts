import type { History } from "./history.ts";
import { violationIn } from "./linearizability.ts";
import { printHistory } from "./print-history.ts";
import { shrinkHistory } from "./shrink-history.ts";

/** Throws the smallest part that it finds of a history that no store can have which keeps its promise. */
export function assertLinearizable(history: History): void {
  const story = storyOfViolation(history);
  if (story !== undefined) throw new Error(story);
}

/** What is wrong with a history, and the few operations that show it; undefined: nothing is. */
export function storyOfViolation(history: History): string | undefined {
  if (violationIn(history) === undefined) return undefined;
  const shrunk = shrinkHistory(history);
  const { rule, detail } = violationIn(shrunk)!;
  const sizes = `${shrunk.operations.length} of ${history.operations.length} operations show it`;
  return `The history is not linearizable (${rule}): ${detail}; ${sizes}:\n${printHistory(shrunk)}`;
}
