import { expect, test } from "bun:test";
import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { forManySeeds, givenSeed } from "../../support/seeds.ts";
import { storyOfViolation } from "./assert-linearizable.ts";
import { corruptHistory } from "./corrupt-history.ts";
import { type History, HistoryRecorder } from "./history.ts";
import { violationIn } from "./linearizability.ts";
import { randomHistory } from "./random-history.ts";
import { looksOf, removableWrites, upTo, without, withoutKey } from "./reduce-history.ts";
import { shrinkHistory } from "./shrink-history.ts";

const size = { clients: 4, operations: 150, keys: ["a", "b", "c", "d"] };

function someOf(ids: readonly number[], random: Random): number[] {
  return ids.filter(() => randomBelow(random, 2) === 0);
}

const reductions: ((history: History, random: Random) => History)[] = [
  (history, random) => upTo(history, randomBelow(random, 80)),
  (history, random) => withoutKey(history, ["a", "b", "c"][randomBelow(random, 3)]!),
  (history, random) => without(history, someOf(looksOf(history), random)),
  (history, random) => without(history, someOf(removableWrites(history), random)),
  (history) => without(history, removableWrites(history)),
];

test("no reduction makes a violation of a history that has none", async () => {
  let [histories, writesTaken] = [0, 0];
  await forManySeeds(800, (random) => {
    const options = { clients: 3, operations: 5 + randomBelow(random, 30), keys: ["a", "b", "c"] };
    let history = randomHistory(random, options);
    // Some things can be changed in a history without making it impossible: they make it odd.
    for (let index = randomBelow(random, 3); index > 0; index--) history = corruptHistory(history, random);
    if (violationIn(history) !== undefined) return;
    histories++;
    for (let index = 0; index < 4; index++) {
      writesTaken += removableWrites(history).length;
      history = reductions[randomBelow(random, reductions.length)]!(history, random);
      expect(violationIn(history)).toBeUndefined();
    }
  });
  if (givenSeed !== undefined) return;
  expect(histories).toBeGreaterThan(250);
  expect(writesTaken).toBeGreaterThan(500);
});

test("what a history of 150 operations shows, a handful of them show", () => {
  const sizes: number[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const history = randomHistory(seededRandom(seed), { ...size, sabotage: "acknowledges before the sync" });
    if (violationIn(history) === undefined) continue;
    const shrunk = shrinkHistory(history);
    expect(violationIn(shrunk)).toBeDefined();
    sizes.push(shrunk.operations.length);
  }
  sizes.sort((a, b) => a - b);
  expect(sizes.length).toBeGreaterThan(40);
  expect(sizes[sizes.length >> 1]).toBeLessThanOrEqual(6);
});

test("a lost write is told in three lines and a crash", () => {
  let ms = 0;
  const recorder = new HistoryRecorder(() => ms++);
  const call = (client: string, key: string, tag: number, version: number) => {
    const operations = [{ key, type: "put" as const, tag }];
    const id = recorder.begin(client, { kind: "write", operations, isBatch: false });
    recorder.end(id, { kind: "written", version });
  };
  const get = (client: string, key: string, seen?: { version: number; tag: number }) => {
    const id = recorder.begin(client, { kind: "read", what: `get ${key}` });
    recorder.end(id, { kind: "shown", entries: new Map([[key, seen]]) });
  };
  recorder.lifeBegins("start");
  call("client 1", "b", 1, 1);
  call("client 2", "a", 2, 2);
  get("client 2", "a", { version: 2, tag: 2 });
  call("client 1", "b", 3, 3);
  call("client 1", "a", 4, 4);
  recorder.lifeEnds("SIGKILL");
  recorder.lifeBegins("start");
  get("auditor", "b", { version: 3, tag: 3 });
  get("auditor", "a", { version: 2, tag: 2 });
  call("client 2", "a", 5, 5);
  expect(storyOfViolation(recorder.history())).toBe(
    [
      "The history is not linearizable (no-order): #6 (auditor: get a) has no place: a is at version 4 there, " +
        "and not at version 2; 3 of 8 operations show it:",
      "moments  ms          client    operation               outcome",
      "1        0.0                   --- start ---",
      "4..5     3.0..4.0    client 2  #1 put a = 2            version 2",
      "10..11   9.0..10.0   client 1  #4 put a = 4            version 4",
      "13       12.0                  --- SIGKILL; start ---",
      "16..17   15.0..16.0  auditor   #6 get a                a = 2 (version 2)",
    ].join("\n"),
  );
});
