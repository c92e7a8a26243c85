import { parseArgs } from "node:util";
import { freshSeed } from "../../support/seeds.ts";
import { tagOf } from "../../support/tagged-value.ts";
import { aboutAttack, attacks, type Attack } from "./attack-kinds.ts";
import { AttackedServer } from "./attacked-server.ts";
import { GoodClientProcess } from "./good-client-process.ts";
import { floodNumberOf, lostWrites } from "./lost-writes.ts";
import { calm, runPair, type Pair, type Scene } from "./pair.ts";
import { ServerWatch } from "./server-watch.ts";
import { defaultCaps, inMiB, median, memoryViolations, p99Of, ratioOf } from "./verdict.ts";

/**
 * `bun tests/faults/hostile-peers/long.ts [--minutes N] [--seed S] [--connections N] [--attacks a,b] [--pairs N]
 * [--ratio R] [--greedy-write-rate-max BYTES]`: how a well-behaved client fares beside hostile peers, each attack in
 * pairs of windows, quiet and attacked. Exits with 1 when memory is beyond a cap, an acknowledged write is lost, or the
 * median of the pairs' ratios of the client's p99 is beyond R (1.1). Latencies mean something on a machine that has
 * nothing else to do.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    connections: { type: "string", default: "2000" },
    attacks: { type: "string", default: attacks.join(",") },
    pairs: { type: "string", default: "5" },
    ratio: { type: "string", default: "1.1" },
    "greedy-write-rate-max": { type: "string" },
  },
});
const seed = flags.seed === undefined ? freshSeed() : Number(flags.seed) >>> 0;
const connections = Number(flags.connections);
const chosen = flags.attacks.split(",") as Attack[];
const pairs = Number(flags.pairs);
const ratioMax = Number(flags.ratio);
const greedyWriteRateMax = flags["greedy-write-rate-max"] && Number(flags["greedy-write-rate-max"]);
const settleMs = 1_500;
const perSecond = 500;
/** Half frames of so much together are beyond the cap of all input by a fifth. */
const halfFrameBytes = Math.ceil((1.2 * defaultCaps.inputBytesTotalMax) / connections);
const windowMs = Math.max(
  1_000,
  (Number(flags.minutes) * 60_000) / chosen.length / pairs / 2 - settleMs - 500,
);

await using server = await AttackedServer.start(greedyWriteRateMax ? { greedyWriteRateMax } : {});
const failures: string[] = [];
const acknowledged = await server.unlessItEnds(attackAll);
await server.killAndStart();
const lost = await lostWrites(server.port, acknowledged.good, tagOf);
lost.push(...(await lostWrites(server.port, acknowledged.flood, floodNumberOf)));
failures.push(...lost.slice(0, 10).map((each) => `lost: ${each}`));
if (acknowledged.flood.length === 0 && (chosen.includes("puts") || chosen.includes("mix")))
  failures.push("none of the puts that flooded was answered, so nothing was looked for");
const checked = acknowledged.good.length + acknowledged.flood.length;
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(
  `hostile-peers: ${chosen.length} attacks of ${connections} connections, ${pairs} pairs of ${(windowMs / 1000).toFixed(1)} s each; ${checked} acknowledged entries checked after SIGKILL, ${lost.length} lost; ${failures.length} failures, seed ${seed}`,
);
process.exit(failures.length > 0 ? 1 : 0);

async function attackAll() {
  using watch = await ServerWatch.start(server);
  await using good = await GoodClientProcess.start({ port: server.port, seed, perSecond });
  const scene: Scene = { server, good, watch, floodAcknowledged: new Map() };
  const residentBytesAtFirst = watch.residentBytes;
  console.log(`${perSecond} requests a second, half of them durable puts; ${pairs} pairs; p99 in ms`);
  console.log(
    row([
      "attack",
      "all",
      "ratio (least, greatest)",
      "puts",
      "gets",
      "late",
      "made",
      "sent",
      "RSS",
      "input",
      "output",
      "evicted",
    ]),
  );
  for (const [index, attack] of chosen.entries()) {
    const measured: Pair[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const ownSeed = (seed + index * pairs + pair) >>> 0;
      measured.push(
        await runPair(scene, { attack, connections, seed: ownSeed, halfFrameBytes, windowMs, settleMs }),
      );
    }
    tell(attack, measured);
  }
  await calm(scene);
  await Bun.sleep(settleMs);
  console.log(
    `resident: ${inMiB(residentBytesAtFirst)} MiB before the first attack, ${inMiB(watch.residentBytes)} after the last`,
  );
  const entries = await good.end();
  return { good: entries, flood: [...scene.floodAcknowledged] };
}

function tell(attack: Attack, measured: readonly Pair[]): void {
  const ratios = measured.map((pair) => ratioOf(p99Of(pair, "all")));
  const ratio = median(ratios);
  const p99 = (part: "all" | "puts" | "gets") => {
    const of = (which: "quietMs" | "attackedMs") => median(measured.map((pair) => p99Of(pair, part)[which]));
    return `${of("quietMs").toFixed(2)} > ${of("attackedMs").toFixed(2)}`;
  };
  const most = (what: keyof Pair["peaks"]) => Math.max(...measured.map(({ peaks }) => peaks[what]));
  const sum = (of: (pair: Pair) => number) => measured.reduce((total, pair) => total + of(pair), 0);
  console.log(
    row([
      attack,
      p99("all"),
      `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}, ${Math.max(...ratios).toFixed(2)})`,
      p99("puts"),
      p99("gets"),
      late(measured),
      sum(({ connected }) => connected).toLocaleString("en"),
      `${inMiB(sum(({ bytesSent }) => bytesSent))} MiB`,
      inMiB(most("residentBytes")),
      inMiB(most("inputBytes")),
      inMiB(most("outputBytes")),
      String(sum(({ peaks }) => peaks.evicted + peaks.turnedAway)),
    ]),
  );
  if (ratio > ratioMax) failures.push(`${attack} (${aboutAttack[attack]}): p99 times ${ratio.toFixed(2)}`);
  for (const pair of measured)
    failures.push(...memoryViolations(pair, defaultCaps).map((violation) => `${attack}: ${violation}`));
}

/** By how much the good client itself was late with sending, in one of a hundred ticks. */
function late(measured: readonly Pair[]): string {
  const of = (which: "quiet" | "attacked") => median(measured.map((pair) => pair[which].lateMs99));
  return `${of("quiet").toFixed(1)} > ${of("attacked").toFixed(1)}`;
}

function row(cells: readonly string[]): string {
  const widths = [12, 18, 24, 18, 18, 11, 9, 12, 6, 6, 6, 7];
  return cells
    .map((cell, index) => cell.padEnd(widths[index]!))
    .join(" ")
    .trimEnd();
}
