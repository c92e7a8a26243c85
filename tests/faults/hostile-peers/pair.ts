import { eventually } from "../../support/eventually.ts";
import type { Attack } from "./attack-kinds.ts";
import { AttackProcess } from "./attack-process.ts";
import type { AttackedServer } from "./attacked-server.ts";
import type { GoodWindow } from "./good-client.ts";
import type { GoodClientProcess } from "./good-client-process.ts";
import type { ServerPeaks, ServerWatch } from "./server-watch.ts";

/** Who takes part in a run. */
export interface Scene {
  readonly server: AttackedServer;
  readonly good: GoodClientProcess;
  readonly watch: ServerWatch;
  /** What the floods were told of their puts, for later. */
  readonly floodAcknowledged: Map<string, number>;
}

export interface PairOptions {
  readonly attack: Attack;
  readonly connections: number;
  readonly seed: number;
  readonly halfFrameBytes: number;
  readonly windowMs: number;
  /** Neither the beginning of an attack nor its end is measured. */
  readonly settleMs: number;
}

/** The good client without an attack, and right after that under one. */
export interface Pair {
  readonly quiet: GoodWindow;
  readonly attacked: GoodWindow;
  readonly peaks: ServerPeaks;
  readonly residentBytesBefore: number;
  readonly connected: number;
  readonly bytesSent: number;
}

export async function runPair(scene: Scene, options: PairOptions): Promise<Pair> {
  const { good, server, watch } = scene;
  const { windowMs, settleMs, ...orders } = options;
  await calm(scene);
  await Bun.sleep(settleMs);
  const quiet = await windowOf(good, windowMs);
  const residentBytesBefore = watch.residentBytes;
  watch.takePeaks();
  await using attackers = new AttackProcess({ ...orders, port: server.port });
  await attackers.allConnected(connectMsMax);
  await Bun.sleep(settleMs);
  const attacked = await windowOf(good, windowMs);
  const { connected, bytesSent, acknowledged } = await attackers.report();
  for (const [key, number] of acknowledged) scene.floodAcknowledged.set(key, number);
  await watch.look();
  return { quiet, attacked, peaks: watch.takePeaks(), residentBytesBefore, connected, bytesSent };
}

/** Waits until nothing is left of an attack that has ended, in the server's own books. */
export function calm({ watch }: Pick<Scene, "watch">): Promise<boolean> {
  return eventually(
    "the server holds nothing for its peers any more",
    async () => {
      watch.takePeaks();
      await watch.look();
      const { connections, inputBytes, outputBytes } = watch.takePeaks();
      return connections > 0 && connections <= calmConnectionsMax && inputBytes + outputBytes < calmBytesMax;
    },
    120_000,
  );
}

async function windowOf(good: GoodClientProcess, windowMs: number): Promise<GoodWindow> {
  await good.window();
  await Bun.sleep(windowMs);
  return good.window();
}

/** A server that lets few in at a time may make them wait for as long as they like; the attack has begun by then. */
const connectMsMax = 5_000;

/** Those of the good client and of the watch. */
const calmConnectionsMax = 8;
const calmBytesMax = 1024 * 1024;
