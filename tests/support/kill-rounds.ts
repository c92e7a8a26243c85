import { join } from "node:path";
import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import { BackupRun } from "./backup-run.ts";
import { eventually } from "./eventually.ts";
import { assertIntact, type ServerEnd } from "./intact-store.ts";
import { Oracle } from "./oracle.ts";
import { progressOf, readRecovered } from "./recovered-store.ts";
import { ServerProcess, startServer, type RunningServerProcess } from "./server-process.ts";
import { StatsWatch } from "./stats-watch.ts";
import { tearTail } from "./torn-tail.ts";
import { Workload, type TagSource } from "./workload.ts";
import { randomShape, type WorkloadShape } from "./workload-shape.ts";

/** What a round was and how it went. */
export interface RoundReport {
  readonly seed: number;
  readonly shape: WorkloadShape;
  readonly acknowledged: number;
  readonly reads: number;
  /** From the start of the process until it listened. */
  readonly recoveryMs: number;
  readonly kills: number;
  readonly hadTornTail: boolean;
  /** Behind the requests, as far as anybody heard before the end. */
  readonly flushes: number;
  readonly compactions: number;
  /** Segments of the log that went, and manifests that were written beside the one of the start. */
  readonly prunes: number;
  readonly manifestRewrites: number;
  /** Snapshots that were held, and how many of them were still read after a flush, and after a compaction. */
  readonly snapshots: number;
  readonly snapshotsOutlivedFlushes: number;
  readonly snapshotsOutlivedCompactions: number;
  /** Backups that were begun, and how many of them were there in the end. */
  readonly backupsBegun: number;
  readonly backups: number;
  /** How often every byte of the store was checked while no server had it. */
  readonly checks: number;
}

/**
 * One store that is killed over and over, in one directory: each round starts the server, judges what the kill
 * before it left, sets the workload on it and kills it at a moment that nobody chose. A round is sometimes preceded
 * by kills during recovery itself, and by a tail such as a torn write would have left; sometimes a backup is made
 * meanwhile, and sometimes the server may end in order. Between any two servers the whole store is checked. Whatever
 * is not as promised is thrown.
 */
export class KillRounds {
  readonly oracle = new Oracle();
  readonly dataDirectory: string;
  readonly #backup: string;
  readonly #tags: TagSource = { nextTag: 1 };
  #lastEnd: ServerEnd = "stopped";
  #checks = 0;

  constructor(directory: string) {
    this.dataDirectory = join(directory, "data");
    this.#backup = join(directory, "backup");
  }

  /** `fixed`: what does not follow from the seed. */
  async round(seed: number, fixed: Partial<WorkloadShape> = {}): Promise<RoundReport> {
    const random = seededRandom(seed);
    const shape = { ...randomShape(random), ...fixed };
    const { oracle, dataDirectory } = this;
    const checksBefore = this.#checks;
    const acknowledgedBefore = oracle.acknowledgedCount;
    this.#check();
    const hadTornTail = randomBelow(random, 3) === 0 && tearTail(dataDirectory, random);
    const recoveryKills = randomBelow(random, 5) === 0 ? await this.#killDuringRecovery(random, shape) : 0;

    const startedMs = performance.now();
    await using server = await this.#start(shape);
    const recoveryMs = performance.now() - startedMs;
    await server.unlessItEnds(() => this.#judge(server.port));

    const before = progressOf(dataDirectory);
    const watch = await StatsWatch.begin(server.port);
    const workDone = () => watch.workDone;
    const workload = new Workload({ oracle, shape, seed, tags: this.#tags, workDone });
    await workload.start(server.port);
    const backup = shape.hasBackup ? await this.#beginBackup(random) : undefined;
    const enough = acknowledgedBefore + shape.killAfterAcks;
    const deadline = performance.now() + shape.killAfterMs;
    const isTime = () => {
      const { flushes, compactions } = watch.workDone;
      if (flushes < shape.flushesMin || compactions < shape.compactionsMin) return false;
      const acknowledged = oracle.acknowledgedCount;
      return acknowledged >= enough || (acknowledged > acknowledgedBefore && performance.now() >= deadline);
    };
    await server.unlessItEnds(() => eventually("it is time to end the server", isTime));
    await (shape.endsInOrder ? this.#end(server, workload) : this.#kill(server, workload));
    await watch.end();
    if (workload.refusals.length > 0) throw new Error(`The server refused writes: ${workload.refusals[0]}`);
    const after = progressOf(dataDirectory);
    this.#check();
    const hasBackup = backup !== undefined && (await this.#judgeBackup(backup, random));

    const snapshotReaders = workload.snapshotReaders;
    const sum = (of: (reader: (typeof snapshotReaders)[number]) => number) =>
      snapshotReaders.reduce((total, reader) => total + of(reader), 0);
    return {
      seed,
      shape,
      acknowledged: oracle.acknowledgedCount - acknowledgedBefore,
      reads: workload.reads + sum(({ reads }) => reads),
      recoveryMs,
      kills: recoveryKills + (shape.endsInOrder ? 0 : 1),
      hadTornTail,
      flushes: watch.workDone.flushes,
      compactions: watch.workDone.compactions,
      prunes: after.segmentsPruned - before.segmentsPruned,
      manifestRewrites: after.manifestsWritten - before.manifestsWritten,
      snapshots: sum(({ snapshots }) => snapshots),
      snapshotsOutlivedFlushes: sum(({ outlivedFlushes }) => outlivedFlushes),
      snapshotsOutlivedCompactions: sum(({ outlivedCompactions }) => outlivedCompactions),
      backupsBegun: backup === undefined ? 0 : 1,
      backups: hasBackup ? 1 : 0,
      checks: this.#checks - checksBefore,
    };
  }

  /** Judges what the last kill left, and lets a server end in order. */
  async finish(): Promise<void> {
    this.#check();
    {
      await using server = await this.#start();
      await server.unlessItEnds(() => this.#judge(server.port));
      await this.#terminate(server);
    }
    this.#check();
  }

  async #judge(port: number): Promise<void> {
    const { currentSeq, entries, segmentNumber } = await readRecovered(port, this.dataDirectory);
    this.oracle.recovered(currentSeq, entries, segmentNumber);
    const { violations } = this.oracle;
    if (violations.length === 0) return;
    const list = violations.slice(0, 10).map(({ rule, detail }) => `${rule}: ${detail}`);
    throw new Error(`${violations.length} violations of the promise:\n${list.join("\n")}`);
  }

  #check(): void {
    if (assertIntact(this.dataDirectory, this.#lastEnd)) this.#checks++;
  }

  #start({ segmentBytesMax, cacheBytesMax }: Partial<WorkloadShape> = {}): Promise<RunningServerProcess> {
    return startServer({ dataDirectory: this.dataDirectory, segmentBytesMax, cacheBytesMax });
  }

  async #kill(server: ServerProcess, workload: Workload): Promise<void> {
    this.#lastEnd = "killed";
    const killed = server.kill();
    await workload.close();
    await killed;
  }

  async #end(server: ServerProcess, workload: Workload): Promise<void> {
    await workload.finish();
    await this.#terminate(server);
  }

  async #terminate(server: ServerProcess): Promise<void> {
    const exitCode = await server.kill("SIGTERM");
    if (exitCode !== 0) throw new Error(`The server ended with ${exitCode}: ${await server.stderr}`);
    this.#lastEnd = "stopped";
  }

  /** Kills servers that are just starting; what they had repaired by then must still be whole. */
  async #killDuringRecovery(random: Random, shape: WorkloadShape): Promise<number> {
    const kills = 1 + randomBelow(random, 2);
    for (let kill = 0; kill < kills; kill++) {
      const { segmentBytesMax } = shape;
      await using server = new ServerProcess({ dataDirectory: this.dataDirectory, segmentBytesMax });
      await Bun.sleep(randomBelow(random, recoveryMsMax));
      await server.kill();
      this.#lastEnd = "killed";
      this.#check();
    }
    return kills;
  }

  async #beginBackup(random: Random): Promise<BackupRun> {
    await Bun.sleep(randomBelow(random, 100));
    const backup = new BackupRun(this.oracle, this.dataDirectory, this.#backup);
    // So long it takes to come to the middle of it, or to its end.
    await Bun.sleep(randomBelow(random, 300));
    return backup;
  }

  /** A backup may go on when the server is gone, or be killed as well: the next one begins among what it left. */
  async #judgeBackup(backup: BackupRun, random: Random): Promise<boolean> {
    if (randomBelow(random, 2) === 0) backup.kill();
    return backup.judge();
  }
}

/** In this time a server starts, recovers, and begins to flush and merge what the last one had left. */
const recoveryMsMax = 200;
