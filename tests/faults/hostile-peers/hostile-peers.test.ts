import { describe, expect, test } from "bun:test";
import { join, relative } from "node:path";
import { randomBelow } from "../../../src/lib/random.ts";
import { eventually } from "../../support/eventually.ts";
import { withSeed } from "../../support/seeds.ts";
import { sourceRoot } from "../../support/server-process.ts";
import { tagOf } from "../../support/tagged-value.ts";
import { attacks, type Attack } from "./attack-kinds.ts";
import { AttackProcess } from "./attack-process.ts";
import { AttackedServer } from "./attacked-server.ts";
import { GoodClientProcess } from "./good-client-process.ts";
import { floodNumberOf, lostWrites } from "./lost-writes.ts";
import { calm } from "./pair.ts";
import { ServerWatch } from "./server-watch.ts";
import { smallLimits } from "./small-limits.ts";
import { memoryViolations, median, p99Of, ratioOf } from "./verdict.ts";

/** How long anything takes here is the machine's affair: the long version measures. */
describe("hostile peers", () => {
  test("exhaust no memory, and a good client gets all its answers, which are durable", () =>
    withSeed(async (random, seed) => {
      const program = relative(sourceRoot, join(import.meta.dir, "small-server-fixture.ts"));
      // Every other time those who flood may write little, and wait.
      const greedyWriteRateMax = randomBelow(random, 2) === 0 ? 1024 ** 2 : undefined;
      await using server = await AttackedServer.start({ program, greedyWriteRateMax });
      const chosen: Attack[] = ["half-frames", "deaf", attacks[randomBelow(random, attacks.length)]!, "mix"];
      const acknowledged = await server.unlessItEnds(() => attackAll(server, chosen, seed));
      expect(acknowledged.good.length).toBeGreaterThan(100);
      expect(acknowledged.flood.length).toBeGreaterThan(0);
      await server.killAndStart();
      expect(await lostWrites(server.port, acknowledged.good, tagOf)).toEqual([]);
      expect(await lostWrites(server.port, acknowledged.flood, floodNumberOf)).toEqual([]);
    }));
});

async function attackAll(server: AttackedServer, chosen: readonly Attack[], seed: number) {
  using watch = await ServerWatch.start(server);
  await using good = await GoodClientProcess.start({ port: server.port, seed, perSecond: 200 });
  const flood: (readonly [string, number])[] = [];
  for (const [index, attack] of chosen.entries()) {
    const orders = { attack, port: server.port, connections, seed: seed + index, halfFrameBytes };
    watch.takePeaks();
    {
      await using attackers = new AttackProcess(orders);
      expect(await attackers.allConnected(60_000)).toBe(true);
      let answers = 0;
      await eventually("the good client is served beside the attackers", async () => {
        const { putsMs, getsMs } = await good.window();
        answers += putsMs.length + getsMs.length;
        await watch.look();
        return answers >= 100;
      });
      flood.push(...(await attackers.report()).acknowledged);
    }
    const peaks = watch.takePeaks();
    expect({ attack, violations: memoryViolations({ peaks }, smallLimits) }).toEqual({
      attack,
      violations: [],
    });
    if (attack === "half-frames" || attack === "deaf") expect(peaks.evicted).toBeGreaterThan(0);
    await calm({ watch });
  }
  return { good: await good.end(), flood };
}

const connections = 200;
/** A quarter more than the cap of all input, together. */
const halfFrameBytes = Math.ceil((1.25 * smallLimits.inputBytesTotalMax) / connections);

describe("the verdict", () => {
  const MiB = 1024 * 1024;
  const windowOf = (putsMs: number[], getsMs: number[]) => ({ putsMs, getsMs, lateMs99: 0 });
  const peaks = {
    residentBytes: 0,
    inputBytes: 0,
    outputBytes: 0,
    connections: 0,
    evicted: 0,
    turnedAway: 0,
  };

  test("names every cap that was passed", () => {
    expect(memoryViolations({ peaks }, smallLimits)).toEqual([]);
    const beyond = { ...peaks, inputBytes: 34 * MiB, outputBytes: 35 * MiB, residentBytes: 705 * MiB };
    expect(memoryViolations({ peaks: beyond }, smallLimits)).toEqual([
      "input held: 34 MiB, and 33 are the most",
      "output held: 35 MiB, and 34 are the most",
      "resident memory: 705 MiB, and 704 are the most",
    ]);
  });

  test("compares the slowest hundredth of two windows", () => {
    const counting = Array.from({ length: 100 }, (_, index) => index + 1);
    const pair = {
      quiet: windowOf(counting, []),
      attacked: windowOf(
        [],
        [...counting, ...counting].map((ms) => 2 * ms),
      ),
      peaks,
      residentBytesBefore: 0,
      connected: 0,
      bytesSent: 0,
    };
    expect(p99Of(pair, "all")).toEqual({ quietMs: 99, attackedMs: 198 });
    expect(ratioOf(p99Of(pair, "all"))).toBe(2);
    expect([median([3, 1, 2]), median([4, 1])]).toEqual([2, 2.5]);
  });

  test("takes a window without an answer for the worst that there is", () => {
    const pair = { quiet: windowOf([1], [1]), attacked: windowOf([], []) };
    expect(
      ratioOf(p99Of({ ...pair, peaks, residentBytesBefore: 0, connected: 0, bytesSent: 0 }, "all")),
    ).toBe(Infinity);
  });
});
