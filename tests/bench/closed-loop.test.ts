import { expect, test } from "bun:test";
import { closedLoop, type ClosedLoad } from "./closed-loop.ts";
import { redisDialect } from "./dialect.ts";
import { uniformKeys } from "./key-source.ts";
import type { LoadSecond } from "./load.ts";
import { openLoop } from "./open-loop.ts";
import { startRespServer } from "./resp-server-fixture.ts";
import { checkStored, fillStore } from "./stored-entries.ts";

const entryCount = 300;
const valueBytes = 100;

function loadOf(port: number, more: Partial<ClosedLoad> = {}): ClosedLoad {
  return {
    port,
    dialect: redisDialect,
    connections: 3,
    pipeline: 16,
    setPercent: 100,
    keys: uniformKeys(entryCount, 1),
    valueBytes,
    stamp: 9,
    warmUpMs: 10,
    measureMs: 60,
    ...more,
  };
}

function subjectOf(port: number) {
  return { name: "redis", port, dialect: redisDialect };
}

test("every request is answered, what was acknowledged is there, and nothing else is counted", async () => {
  using server = startRespServer();
  const seconds: LoadSecond[] = [];
  const measured = await closedLoop(
    loadOf(server.port, { measureMs: 400, onSecond: (second) => seconds.push(second) }),
  );
  expect(measured.missing).toBe(0);
  expect(measured.latencies.count).toBeGreaterThan(0);
  // Those of the warm-up, and those still under way at the end, are answered and not counted.
  expect(measured.latencies.count).toBeLessThanOrEqual(server.requests);
  expect(server.requests % 16).toBe(0);
  expect(seconds[0]!.opsPerSec).toBeGreaterThan(0);
  expect(measured.acknowledged.length).toBeGreaterThan(0);
  await checkStored(subjectOf(server.port), measured.acknowledged, { valueBytes, stamp: 9 });
});

test("gets of what is not there are told, and a full store has none", async () => {
  using server = startRespServer();
  const gets = loadOf(server.port, { setPercent: 0 });
  expect((await closedLoop(gets)).missing).toBeGreaterThan(0);
  await fillStore(subjectOf(server.port), entryCount, { valueBytes, stamp: 0 });
  expect(server.entries.size).toBe(entryCount);
  expect((await closedLoop(gets)).missing).toBe(0);
});

test("an error among the answers ends either loop without a number", async () => {
  using server = startRespServer({ requestsBeforeErrors: 500 });
  await expect(closedLoop(loadOf(server.port))).rejects.toThrow("the disk is full");
  await expect(openLoop({ ...loadOf(server.port), perSecond: 5000 })).rejects.toThrow("the disk is full");
});

test("a server that goes away ends the loop with an error", async () => {
  using server = startRespServer();
  const running = closedLoop(loadOf(server.port, { measureMs: 60_000 }));
  while (server.requests === 0) await Bun.sleep(1);
  server[Symbol.dispose]();
  await expect(running).rejects.toThrow("closed a connection");
});

test("a write that was acknowledged and is lost is found, and so is one of another run", async () => {
  using forgetful = startRespServer({ forgetsSets: true });
  const { acknowledged } = await closedLoop(loadOf(forgetful.port));
  const check = checkStored(subjectOf(forgetful.port), acknowledged, { valueBytes, stamp: 9 });
  await expect(check).rejects.toThrow("is not there");

  using server = startRespServer();
  const target = subjectOf(server.port);
  await fillStore(target, entryCount, { valueBytes, stamp: 8 });
  await checkStored(target, [1, 2, 3], { valueBytes, stamp: undefined });
  await expect(checkStored(target, [1, 2, 3], { valueBytes, stamp: 9 })).rejects.toThrow("lost a write");
  await expect(checkStored(target, [1], { valueBytes: 99, stamp: 8 })).rejects.toThrow("lost a write");
});

test("an open loop sends exactly what its rate and time say, and tells how late it was itself", async () => {
  using server = startRespServer();
  const measured = await openLoop({ ...loadOf(server.port), perSecond: 4000, warmUpMs: 50, measureMs: 250 });
  expect(server.requests).toBe(1200);
  expect(measured.latencies.count).toBe(1000);
  expect(measured.lateness.count).toBeGreaterThan(0);
  expect(measured.latencies.maxMs).toBeGreaterThanOrEqual(measured.lateness.percentileMs(0.5));
  await checkStored(subjectOf(server.port), measured.acknowledged, { valueBytes, stamp: 9 });
});
