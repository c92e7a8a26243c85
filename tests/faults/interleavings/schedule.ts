import { InlineRunner } from "../../../src/compaction/inline-runner.ts";
import type { FileSystem } from "../../../src/vfs/file-system.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import type { HeldSync } from "../../../src/vfs/held-syncs.ts";
import { MemoryFileSystem, type CrashOptions } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { Ledger } from "../simulation/ledger.ts";
import { LyingFileSystem } from "../simulation/lying-file-system.ts";
import { Scheduler, type Choices } from "../simulation/scheduler.ts";
import { Trace } from "../simulation/trace.ts";
import type { Script, Step } from "./scripts.ts";

export interface ScheduleOptions {
  /** The power is cut, and the process killed, at every event and not only at the end. */
  readonly crashesEverywhere?: boolean;
  /** Syncs of the log return before they have done anything: a race, planted to be found. */
  readonly syncsEarly?: boolean;
  /** Which sync ends first where nothing else is chosen. Default: the oldest. */
  readonly order?: "oldest first" | "newest first";
  /** For power cuts that leave some of what is unsynced. */
  readonly seed?: number;
  readonly tells?: boolean;
}

export interface ScheduleOutcome {
  readonly violation: string | undefined;
  /** Disks that were left by a crash, opened and compared. */
  readonly recoveries: number;
  readonly story: readonly string[];
}

/** Nothing waits for time, but for these: a script that has nothing else to do gets them one by one. */
const timersMax = 40;
const eventsMax = 2_000;

/** Plays a script to a new store, in the order that the choices say; checks what it acknowledged, and what is left. */
export function playSchedule(
  script: Script,
  choices: Choices,
  options: ScheduleOptions = {},
): ScheduleOutcome {
  return new Schedule(script, choices, options).play();
}

class Schedule {
  readonly #script: Script;
  readonly #options: ScheduleOptions;
  readonly #choices: Choices;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #disk = new MemoryFileSystem({ holdSyncs: true });
  readonly #ledger = new Ledger();
  readonly #held = new WeakSet<HeldSync>();
  /** Until the script begins there is one order only. */
  #isChoosing = false;
  #hasFailed = false;
  /** The sync that hears of the failure, if the one that failed did not. */
  #toldLater: HeldSync | undefined;
  #isClosed = false;
  #unsettled = 0;
  #lastId = 0;
  #recoveries = 0;
  #db!: EngineDriver;

  constructor(script: Script, choices: Choices, options: ScheduleOptions) {
    this.#script = script;
    this.#options = options;
    this.#choices = { below: (bound) => (this.#isChoosing ? choices.below(bound) : 0) };
    this.#trace = new Trace(options.tells ?? false);
    this.#scheduler = new Scheduler(this.#choices, this.#trace, options.order ?? "oldest first");
  }

  play(): ScheduleOutcome {
    this.#begin();
    for (const [index, steps] of this.#script.actors.entries()) this.#act(`actor ${index}`, steps);
    this.#isChoosing = true;
    let events = 0;
    for (let timers = 0; this.#ledger.violation === undefined;) {
      const { candidates } = this.#scheduler;
      const isQuiet = candidates.every(({ lane }) => lane === "timer");
      if (isQuiet && (this.#isOver || ++timers > timersMax)) break;
      if (++events > eventsMax) this.#ledger.violate(`no end after ${events} events`);
      this.#step();
      if (this.#options.crashesEverywhere === true) this.#crashAndRecover(events);
    }
    this.#isChoosing = false;
    if (!this.#isOver)
      this.#ledger.violate(`${this.#unsettled} calls are never answered, up to ${this.#ackable}`);
    this.#crashAndRecover(events);
    return { violation: this.#ledger.violation, recoveries: this.#recoveries, story: this.#trace.story };
  }

  /** Everybody is answered. */
  get #isOver(): boolean {
    const isAnswered = this.#unsettled === 0;
    return (
      isAnswered &&
      (this.#hasFailed || this.#isClosed || this.#db.engine.ackableSeq === this.#db.engine.currentSeq)
    );
  }

  get #ackable(): string {
    return `${this.#db.engine.ackableSeq} of ${this.#db.engine.currentSeq}`;
  }

  // --- The script ------------------------------------------------------------------------------------------

  #begin(): void {
    const isEarly = this.#options.syncsEarly === true;
    const fileSystem = isEarly ? new LyingFileSystem(this.#disk, [], "early syncs") : this.#disk;
    this.#db = this.#open(this.#scheduler, this.#disk, fileSystem, this.#held)!;
    for (const step of this.#script.before ?? []) this.#do(step);
    while (!this.#isOver || this.#scheduler.candidates.some(({ lane }) => lane !== "timer")) this.#step();
  }

  #act(actor: string, steps: readonly Step[]): void {
    const [step, ...rest] = steps;
    if (step === undefined) return;
    const what = step.do === "write" ? `writes ${step.operations.map(({ key }) => key).join(" ")}` : step.do;
    this.#scheduler.add(
      this,
      `${actor}: ${what}`,
      0,
      () => {
        this.#do(step);
        this.#act(actor, rest);
      },
      actor,
    );
  }

  #do(step: Step): void {
    const db = this.#db;
    if (step.do === "write") {
      const { version } = db.batch(step.operations);
      if (version !== undefined) this.#ledger.executed(++this.#lastId, version, step.operations);
      return;
    }
    this.#unsettled++;
    const settled = () => void this.#unsettled--;
    if (step.do === "close") {
      // Of a store that has failed before, an end tells nothing.
      const promised = this.#hasFailed ? 0 : this.#ledger.model.lastVersion;
      const closed = () => {
        this.#isClosed = true;
        this.#ledger.know(promised, 0, 0);
        settled();
      };
      db.engine.close().then(closed, () => (this.#isClosed = this.#hasFailed = true) && settled());
    } else if (step.do === "checkpoint") {
      db.checkpoint().then((seq) => (this.#ledger.know(seq, 0, 0), settled()), settled);
    } else {
      db.compact().then(settled, settled);
    }
  }

  #step(): void {
    this.#scheduler.step();
    this.#attend(this.#scheduler, this.#disk, this.#held, this.#script.mayFail !== undefined);
    // Whatever may be told counts as told.
    const { ackableSeq } = this.#db.engine;
    if (ackableSeq < this.#ledger.knownSeq && !this.#isClosed) this.#ledger.violate("ackableSeq went back");
    this.#ledger.know(ackableSeq, 0, 0);
  }

  /** Each sync that was begun ends by an event of its own. */
  #attend(scheduler: Scheduler, disk: MemoryFileSystem, known: WeakSet<HeldSync>, mayFail: boolean): void {
    for (const sync of disk.heldSyncs) {
      if (known.has(sync)) continue;
      known.add(sync);
      scheduler.add(this, `${sync.kind} ${sync.path}`, 0, () =>
        mayFail ? this.#endOrFail(sync) : sync.release(),
      );
    }
  }

  /**
   * One sync of a schedule may fail. Where two of one directory are in flight, the system may tell only one of them of
   * what both have lost: this one returns as if all were well, and the other one fails when its end has come.
   */
  #endOrFail(sync: HeldSync): void {
    if (sync === this.#toldLater) return sync.fail();
    if (this.#hasFailed) return sync.release();
    const isDirectory = sync.kind === "syncDirectory";
    const { heldSyncs } = this.#disk;
    const beside = heldSyncs.find((other) => isDirectory && other !== sync && other.path === sync.path);
    if (beside === undefined && this.#script.mayFail === "one of two") return sync.release();
    const end = this.#choices.below(beside === undefined ? 2 : 3);
    if (end === 0) return sync.release();
    this.#hasFailed = true;
    if (end === 1) {
      this.#trace.note("it fails");
      return sync.fail();
    }
    this.#trace.note("it fails, and the sync beside it will be told");
    this.#toldLater = beside;
    this.#disk.loseUnsynced(sync.path);
    sync.release();
  }

  // --- Crashes ---------------------------------------------------------------------------------------------

  /** Nothing that is unsynced is left; and in turns all of it, or some. */
  #crashAndRecover(salt: number): void {
    const random = seededRandom((this.#options.seed ?? 0) + salt);
    const other: CrashOptions = random.uint32() % 2 === 0 ? { unsynced: "kept" } : { random };
    for (const crash of [{ unsynced: "lost" } as const, other]) {
      this.#recoveries++;
      this.#recover(this.#disk.crash(crash), crash.unsynced ?? "mixed");
    }
  }

  /** Opens what is left, in the one order that a quick disk and a patient clock have. */
  #recover(disk: MemoryFileSystem, how: string): void {
    const { model, knownSeq } = this.#ledger;
    const { currentSeq } = this.#db.engine;
    const scheduler = new Scheduler({ below: () => 0 }, new Trace(), "oldest first");
    const recovered = this.#open(scheduler, disk, disk, new WeakSet())?.engine;
    if (recovered === undefined)
      return this.#ledger.violate(`after a crash, ${how}, the store does not open`);
    const seq = recovered.currentSeq;
    if (seq < knownSeq || seq > currentSeq + 1) {
      this.#ledger.violate(`after a crash, ${how}, ${seq} was recovered, of ${knownSeq} to ${currentSeq}`);
    }
    const found = new EngineDriver(recovered).all();
    const expected = model.scan({}, seq);
    if (!Bun.deepEquals(found, expected)) {
      this.#ledger.violate(
        `after a crash, ${how}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`,
      );
    }
  }

  #open(
    scheduler: Scheduler,
    disk: MemoryFileSystem,
    fileSystem: FileSystem,
    held: WeakSet<HeldSync>,
  ): EngineDriver | undefined {
    const clock = scheduler.clock(this, () => 0);
    let db: EngineDriver | undefined;
    let failure: unknown;
    const opening = EngineDriver.open(fileSystem, {
      tableBytesMax: 700,
      levelBytesBase: 1_500,
      cacheBytesMax: 8_192,
      clock,
      random: seededRandom(1),
      runner: new InlineRunner(fileSystem, clock, 512),
      ...this.#script.options,
    });
    opening.then(
      (opened) => (db = opened),
      (error) => (failure = error),
    );
    for (scheduler.settle(); db === undefined && failure === undefined;) {
      this.#attend(scheduler, disk, held, false);
      if (!scheduler.step()) break;
    }
    if (failure !== undefined) this.#trace.note(String(failure));
    return db;
  }
}
