import { expect, test } from "bun:test";
import type { AdvanceWaiter, Replies, Write } from "../../src/engine/store.ts";
import { sourceRoot } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { EngineCallers } from "./embedded-engine.ts";
import { embeddedKinds } from "./embedded-kinds.ts";

for (const [name, load] of Object.entries(embeddedKinds)) {
  test(`${name}: what it acknowledged is found after it was closed, and nothing else`, async () => {
    using directory = temporaryDirectory();
    const kind = await load();
    const store = await kind.open(directory.path, sourceRoot);
    const acknowledged: number[] = [];
    let next = 0;
    const nowMs = performance.now();
    await store.run(
      10,
      () => (next < 95 ? next++ : -1),
      (number, sinceMs) => {
        expect(sinceMs).toBeGreaterThanOrEqual(nowMs);
        acknowledged.push(number);
      },
    );
    await store.close();
    const all = Array.from({ length: 95 }, (_, number) => number);
    expect(acknowledged.toSorted((a, b) => a - b)).toEqual(all);

    const found = await kind.find(directory.path, sourceRoot, new Set([...all, 95, 1_000_000]));
    expect([...found].sort((a, b) => a - b)).toEqual(all);
  });
}

test("the engine's callers hear of a put when its version may be acknowledged, and not before", async () => {
  let seq = 0;
  const waiters: AdvanceWaiter[] = [];
  const engine = {
    ackableSeq: 0,
    put: (number: number, _: Write, replies: Replies) => replies.written(number, ++seq, seq),
    awaitAdvance: (waiter: AdvanceWaiter) => void waiters.push(waiter),
    onFault() {},
  };
  const acknowledged: number[] = [];
  let next = 0;
  const source = () => (next < 6 ? next++ : -1);
  const running = new EngineCallers(engine, source, (number) => acknowledged.push(number)).run(3);
  const heard: number[][] = [];
  for (const ackableSeq of [0, 1, 3, 3, 6]) {
    engine.ackableSeq = ackableSeq;
    waiters.shift()!.advanced();
    heard.push([...acknowledged]);
  }
  await running;
  expect(heard.map(({ length }) => length)).toEqual([0, 1, 3, 3, 6]);
  expect([acknowledged, waiters.length]).toEqual([[0, 1, 2, 3, 4, 5], 0]);
});
