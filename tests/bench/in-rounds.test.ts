import { expect, test } from "bun:test";
import { inRounds } from "./in-rounds.ts";

test("every subject has its turn in every round, and each goes first as often", async () => {
  const turns: string[] = [];
  await inRounds(3, ["a", "b"], async (subject, round) => void turns.push(`${subject}${round}`));
  expect(turns).toEqual(["a0", "b0", "b1", "a1", "a2", "b2"]);
});
