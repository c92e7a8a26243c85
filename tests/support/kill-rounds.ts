import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBelow, randomBytes, seededRandom, type Random } from "../../src/lib/random.ts";
import { eventually } from "./eventually.ts";
import { Oracle } from "./oracle.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import { ServerProcess, startServer, type RunningServerProcess } from "./server-process.ts";
import { Workload, type TagSource } from "./workload.ts";
import { randomShape, type WorkloadShape } from "./workload-shape.ts";

/** What a round was and how it went. */
export interface RoundReport {
  readonly seed: number;
  readonly shape: WorkloadShape;
  readonly acknowledged: number;
  readonly reads: number;
  /** From the start of the process until it listened, all that earlier rounds wrote replayed. */
  readonly recoveryMs: number;
  readonly kills: number;
  readonly hadTornTail: boolean;
}

/**
 * One store that is killed over and over, in one directory: each round starts the server, judges what the kill
 * before it left, sets the workload on it and kills it at a moment that nobody chose. A round is sometimes preceded
 * by kills during recovery itself, and by a tail such as a torn write would have left. Whatever is not as promised
 * is thrown.
 */
export class KillRounds {
  readonly oracle = new Oracle();
  readonly #directory: string;
  readonly #tags: TagSource = { nextTag: 1 };

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `fixed`: what does not follow from the seed. */
  async round(seed: number, fixed: Partial<WorkloadShape> = {}): Promise<RoundReport> {
    const random = seededRandom(seed);
    const shape = { ...randomShape(random), ...fixed };
    const acknowledgedBefore = this.oracle.acknowledgedCount;
    const hadTornTail = randomBelow(random, 3) === 0 && this.#tearTail(random);
    const kills = randomBelow(random, 5) === 0 ? await this.#killDuringRecovery(random, shape) : 0;

    const startedMs = performance.now();
    await using server = await this.#start(shape);
    const recoveryMs = performance.now() - startedMs;
    await this.#judge(server.port);

    const workload = new Workload({ oracle: this.oracle, shape, seed, tags: this.#tags });
    await workload.start(server.port);
    const enough = acknowledgedBefore + shape.killAfterAcks;
    const deadline = performance.now() + shape.killAfterMs;
    await eventually("it is time to kill", () => {
      const acknowledged = this.oracle.acknowledgedCount;
      return acknowledged >= enough || (acknowledged > acknowledgedBefore && performance.now() >= deadline);
    });
    const killed = server.kill();
    await workload.close();
    await killed;
    if (workload.refusals.length > 0) throw new Error(`The server refused writes: ${workload.refusals[0]}`);
    const acknowledged = this.oracle.acknowledgedCount - acknowledgedBefore;
    return { seed, shape, acknowledged, reads: workload.reads, recoveryMs, kills: kills + 1, hadTornTail };
  }

  /** Judges what the last kill left. */
  async finish(): Promise<void> {
    await using server = await this.#start();
    await this.#judge(server.port);
  }

  async #judge(port: number): Promise<void> {
    const reader = await RawStoreClient.open(port);
    const { currentSeq, entries } = await reader.readAll();
    await reader.close();
    this.oracle.recovered(currentSeq, entries);
    const { violations } = this.oracle;
    if (violations.length === 0) return;
    const list = violations.slice(0, 10).map(({ rule, detail }) => `${rule}: ${detail}`);
    throw new Error(`${violations.length} violations of the promise:\n${list.join("\n")}`);
  }

  #start(shape?: WorkloadShape): Promise<RunningServerProcess> {
    return startServer({ dataDirectory: this.#directory, segmentBytesMax: shape?.segmentBytesMax });
  }

  /** Kills servers that are just starting; what they had repaired by then must still be whole. */
  async #killDuringRecovery(random: Random, shape: WorkloadShape): Promise<number> {
    const kills = 1 + randomBelow(random, 2);
    for (let kill = 0; kill < kills; kill++) {
      const { segmentBytesMax } = shape;
      await using server = new ServerProcess({ dataDirectory: this.#directory, segmentBytesMax });
      await Bun.sleep(randomBelow(random, 60));
      await server.kill();
    }
    return kills;
  }

  /**
   * A killed process leaves all that it had written, so its tail is never torn, only its last group perhaps unsynced.
   * A power cut can leave a part of a write that was never acknowledged: zeros, garbage, or the beginning of a group.
   */
  #tearTail(random: Random): boolean {
    const wal = join(this.#directory, "wal");
    const last = existsSync(wal)
      ? readdirSync(wal)
          .filter((name) => name.endsWith(".wal"))
          .sort()
          .at(-1)
      : undefined;
    if (last === undefined) return false;
    const path = join(wal, last);
    const count = 1 + randomBelow(random, 2_000);
    const kind = randomBelow(random, 3);
    if (kind === 0) appendFileSync(path, Buffer.alloc(count));
    else if (kind === 1) appendFileSync(path, randomBytes(random, count));
    else appendFileSync(path, staleCopy(readFileSync(path), count));
    return true;
  }
}

/** Bytes of an older group again: checksummed, but for another place. */
function staleCopy(segment: Buffer, count: number): Buffer {
  return Buffer.from(segment.subarray(segmentHeaderBytes, segmentHeaderBytes + count));
}

const segmentHeaderBytes = 96;
