import type { EngineOptions } from "../../../src/engine/open.ts";
import { seededRandom, type Random } from "../../../src/lib/random.ts";
import { FailingFileSystem, type FailingFileSystemOptions } from "../../../src/vfs/failing.ts";
import type { Call, CallKind } from "../../../src/vfs/fault.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { EngineDriver, WriteWords } from "../../engine/engine-driver.ts";
import { StoreModel } from "../../engine/store-model.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { turn, TurnClock } from "../../support/turn-clock.ts";

/** What has to be there after a crash, and what may be. */
export interface Expectation {
  /** Up to this seq everything was acknowledged or shown to a reader, and no crash may take it. */
  readonly ackedSeq: number;
  /** In the modes that sync rarely more is: only a power cut may take it. */
  readonly killedSeq?: number;
  /** Nothing above it was ever handed to the log. */
  readonly submittedSeq: number;
  /** Where a backup was made: everything up to this seq was acknowledged before that began. */
  readonly copySeqMin?: number;
  /** The backup was reported as made. */
  readonly copyIsDue?: boolean;
}

/** A moment in the life of a store: the disk with all that is pending, and what a crash must leave of it. */
export interface Moment {
  readonly disk: MemoryFileSystem;
  readonly expectation: Expectation;
  /** Which one it is, for people: its place among all calls. */
  readonly story: string;
}

export interface CrashPoint extends Moment {
  /** The call that was about to be made; none at the end. */
  readonly call: Call | undefined;
}

/** Puts a file system between the engine and the disk that the crashes are made of; `onCall` must be told of each call. */
export type Between = (disk: MemoryFileSystem, options: FailingFileSystemOptions) => FailingFileSystem;

const honest: Between = (disk, options) => new FailingFileSystem(disk, options);

/**
 * A store whose every call is recorded: before each that changes or syncs something there is a point at which the
 * machine may stop, and one at the end. Nothing in it depends on the time, or on any randomness but the seed's.
 */
export class RecordedRun {
  readonly model: StoreModel;
  readonly disk: MemoryFileSystem;
  readonly fileSystem: FailingFileSystem;
  readonly random: Random;
  readonly points: CrashPoint[] = [];
  /** What is known of the disk before the store is open. */
  before: Expectation;
  copy: Pick<Expectation, "copySeqMin" | "copyIsDue"> = {};
  #db: EngineDriver | undefined;
  #observedSeq = 0;
  #changes = 0;
  #isRecording = false;
  #isOver = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    disk: MemoryFileSystem,
    model: StoreModel,
    before: Expectation,
    seed: number,
    between = honest,
  ) {
    this.disk = disk;
    this.model = model;
    this.before = before;
    this.random = seededRandom(seed);
    this.fileSystem = between(disk, {
      onCall: (call, index) => {
        if (!changing.has(call.kind)) return;
        this.#changes++;
        if (!this.#isRecording) return;
        const { kind, path, to } = call;
        this.#point(`before call ${index}, ${kind} ${path}${to === undefined ? "" : ` to ${to}`}`, call);
      },
    });
  }

  get db(): EngineDriver {
    if (this.#db === undefined) throw new Error("The store is not open yet");
    return this.#db;
  }

  record(): void {
    this.#isRecording = true;
  }

  async open(options: Partial<EngineOptions> = {}): Promise<void> {
    this.#db = await openTiny(this.fileSystem, { clock: new TurnClock(), random: this.random, ...options });
    this.#reading = this.#read();
  }

  /** Hands a write in without waiting; returns its version. */
  write(...operations: WriteWords[]): number {
    const { version } = this.db.batch(operations);
    this.model.apply(version!, operations);
    return version!;
  }

  put(key: string, value: string): number {
    const { version } = this.db.put(key, value);
    this.model.apply(version!, [{ key, value }]);
    return version!;
  }

  async putDurably(key: string, value: string): Promise<void> {
    await this.db.acknowledged(this.put(key, value));
  }

  /** Waits until the store has nothing more to do by itself; there is the last point. */
  async end(): Promise<void> {
    for (let quietTurns = 0, calls = 0; quietTurns < quietTurnsMin; quietTurns++) {
      await turn();
      if (this.#changes > calls) [quietTurns, calls] = [0, this.#changes];
    }
    this.#isOver = true;
    await this.#reading;
    if (this.#isRecording) this.#point("at the end");
    this.#isRecording = false;
  }

  get expectation(): Expectation {
    const { ackedSeq, submittedSeq } = this.before;
    if (this.#db === undefined) {
      // A start may write one record of its own before anybody hears of it.
      return { ackedSeq, submittedSeq: submittedSeq + 1, ...this.copy };
    }
    const { ackableSeq, currentSeq, syncMode } = this.#db.engine;
    const killedSeq = Math.max(ackedSeq, ackableSeq, this.#observedSeq);
    const durableSeq = syncMode === "always" ? killedSeq : Number(this.#db.engine.stats()["durableSeq"]);
    return {
      ackedSeq: Math.max(ackedSeq, durableSeq),
      killedSeq,
      submittedSeq: currentSeq,
      ...this.copy,
    };
  }

  #point(story: string, call?: Call): void {
    this.points.push({ disk: this.disk.clone(), expectation: this.expectation, call, story });
  }

  /** Somebody who looks at everything in every turn: what was shown once must never be lost. */
  async #read(): Promise<void> {
    for (; !this.#isOver; await turn()) {
      const page = this.db.scan();
      if (page.refusal !== undefined || page.visibleAt > this.db.engine.ackableSeq) continue;
      for (const [, , version] of page.entries!) this.#observedSeq = Math.max(this.#observedSeq, version);
    }
  }
}

/** Before any other call the disk is as it was before the last of these. */
const changing: ReadonlySet<CallKind> = new Set<CallKind>([
  "lock",
  "create",
  "makeDirectory",
  "removeDirectory",
  "rename",
  "link",
  "unlink",
  "write",
  "truncate",
  "datasync",
  "sync",
  "syncDirectory",
]);

/** No sync, pause or timer of a tiny store takes more turns than that. */
const quietTurnsMin = 20;
