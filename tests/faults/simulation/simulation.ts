import { MemoryFileSystem, type CrashOptions } from "../../../src/vfs/memory.ts";
import { noCounts, type Counts } from "./counts.ts";
import { Dice } from "./dice.ts";
import { Ledger } from "./ledger.ts";
import { drawNetwork, drawStore } from "./plans.ts";
import { Population } from "./population.ts";
import { Scheduler } from "./scheduler.ts";
import { drawDisk } from "./simulated-disk.ts";
import { SimulatedServer, type StorePlan } from "./simulated-server.ts";
import { type Feature, type SimulationOptions } from "./simulation-options.ts";
import { Trace } from "./trace.ts";

/** What became of a run. */
export interface Outcome {
  /** What did not hold; undefined: everything did. */
  readonly violation: string | undefined;
  /** The same for each run of the same seed and options. */
  readonly hash: string;
  readonly story: readonly string[];
  readonly counts: Counts;
}

/**
 * Lives a store's life, or several on one disk, in a world that a seed decides: the real engine, log, flushes, merges
 * and sessions, and around them a simulated clock, disk, network and clients. Checks every answer when it comes and
 * every recovery when it has come to its end; and that everybody is answered in the end.
 */
export function simulate(seed: number, options: SimulationOptions, tells = false): Outcome {
  return new Simulation(seed, options, tells).run();
}

/** So many events are enough for any run; who needs more is going round in circles. */
const stepsMax = 60_000;
/** A crash waits so long for something to be pending. */
const pendingStepsMax = 200;
/** When nothing breaks any more, everybody is answered within this. */
const patienceMs = 120_000;

/** What a request may be refused with because a call of the disk fails; one that finds no room stops flushes only. */
const faultCodes = ["STORAGE_FAULT", "SHUTTING_DOWN", "DISK_FULL"];

class Simulation {
  readonly #seed: number;
  readonly #options: SimulationOptions;
  readonly #dice: Dice;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #ledger = new Ledger();
  readonly #storePlan: StorePlan;
  readonly #population: Population;
  #server!: SimulatedServer;
  #crashesLeft: number;
  #crashStep = 0;
  /** Its disk does nothing wrong. */
  #isLastLife = false;
  /** A sync has failed since the last recovery, so what was only written may be gone. */
  #isCacheDoubtful = false;
  /** What the start at hand has to find. */
  #mustHold = 0;
  /** The newest seq that can be on the disk. A start may add a CHECKPOINT of its own. */
  #writtenSeq = 0;
  /** As it was after the last event. */
  #ackableSeq = 0;
  /** Since when nothing breaks any more, unless the disk does. */
  #calmUs: number | undefined;
  readonly #counts: Counts = noCounts();

  constructor(seed: number, options: SimulationOptions, tells: boolean) {
    this.#seed = seed;
    this.#options = options;
    this.#dice = new Dice(seed, "world");
    this.#trace = new Trace(tells);
    this.#scheduler = new Scheduler(new Dice(seed, "order"), this.#trace);
    this.#storePlan = drawStore(this.#dice, this.#has, options.sabotage);
    const networkPlan = drawNetwork(this.#dice, this.#has);
    const mayCrash = this.#has("kills") || this.#has("power cuts");
    this.#crashesLeft = mayCrash ? this.#dice.below(options.crashes + 1) : 0;
    const { pageEntriesMax } = this.#storePlan;
    this.#population = new Population(
      {
        seed,
        scheduler: this.#scheduler,
        ledger: this.#ledger,
        networkPlan,
        pageEntriesMax,
        requests: options.requests,
        has: this.#has,
        server: () => this.#server,
      },
      options.clients,
    );
    this.#counts.requests = this.#population.requests;
    this.#ledger.ackableSeq = () => this.#server.engine?.ackableSeq ?? 0;
  }

  run(): Outcome {
    this.#boot(new MemoryFileSystem({ holdSyncs: true }), 0);
    while (this.#isFine && !this.#population.isDone) this.#step();
    this.#crashesLeft = 0;
    if (this.#isFine && this.#dice.oneIn(2)) this.#closeInOrder();
    if (this.#isFine) this.#recoverOnceMore();
    const { violation } = this.#ledger;
    this.#trace.note("the end", violation ?? "fine");
    const { steps, nowUs } = this.#scheduler;
    Object.assign(this.#counts, { steps, simulatedMs: nowUs / 1000 });
    return { violation, hash: this.#trace.hash, story: this.#trace.story, counts: this.#counts };
  }

  readonly #has = (feature: Feature) => !this.#options.without.includes(feature);

  get #isFine(): boolean {
    return this.#ledger.violation === undefined;
  }

  // --- The world goes on -----------------------------------------------------------------------------------

  #step(): void {
    const { steps, nowUs } = this.#scheduler;
    const server = this.#server;
    if (this.#crashesLeft > 0 && steps >= this.#crashStep && this.#isCrashDue) return this.#crash();
    if (server.state === "ended") return this.#restartFailed();
    if (steps > stepsMax)
      return this.#ledger.violate(`no end after ${steps} events: ${this.#population.waiting}`);
    if (!this.#scheduler.step())
      return this.#ledger.violate(`nothing will ever happen: ${this.#population.waiting}`);
    this.#settle();
    this.#checkSeqs();
    // From the moment on at which nothing more goes wrong.
    if (this.#crashesLeft === 0) this.#calmUs ??= nowUs;
    if (nowUs - (this.#calmUs ?? nowUs) > patienceMs * 1000) {
      this.#ledger.violate(`no answer within ${patienceMs} ms of quiet: ${this.#population.waiting}`);
    }
  }

  /** All that follows at once has followed, and what takes time has begun. */
  #settle(): void {
    this.#scheduler.settle();
    this.#server.disk.attend();
  }

  #checkSeqs(): void {
    const { engine } = this.#server;
    if (engine === undefined) return;
    const { ackableSeq, currentSeq } = engine;
    if (ackableSeq < this.#ackableSeq || currentSeq < ackableSeq) {
      this.#ledger.violate(`ackableSeq went from ${this.#ackableSeq} to ${ackableSeq}, of ${currentSeq}`);
    }
    this.#ackableSeq = ackableSeq;
  }

  // --- Lives and deaths ------------------------------------------------------------------------------------

  #boot(memory: MemoryFileSystem, mustHold: number): void {
    const writtenSeq = this.#writtenSeq + 1;
    this.#writtenSeq = writtenSeq;
    this.#ackableSeq = 0;
    this.#mustHold = mustHold;
    const mayFail = !this.#isLastLife;
    this.#calmUs = undefined;
    const plan = drawDisk(this.#dice, this.#has, {
      mayFail,
      isFirstBoot: this.#ledger.recoveries.length === 0,
    });
    if (plan.isFaulty) for (const code of faultCodes) this.#ledger.excuses.add(code);
    this.#server = new SimulatedServer(
      this.#scheduler,
      this.#ledger,
      this.#storePlan,
      { memory, plan },
      this.#seed,
    );
    this.#trace.note("boot", this.#ledger.life, mustHold, writtenSeq);
    // Its disk is as full as it was, or has room again; here it has, and may fill up anew.
    memory.setFreeBytes(2 ** 40);
    this.#server.start({ mustHold, writtenSeq });
    this.#settle();
    if (mayFail && this.#has("full disks") && this.#dice.oneIn(4)) this.#fillDisk();
    // A start takes a dozen or two; the more often it is met, the less is written.
    const crashAfter = this.#dice.oneIn(4) ? this.#dice.between(1, 24) : this.#dice.skewed(24, 400);
    this.#crashStep = this.#scheduler.steps + crashAfter;
  }

  /** Most crashes come while something is pending, because they may take that; they wait for it, for a while. */
  get #isCrashDue(): boolean {
    const { engine } = this.#server;
    if (engine === undefined || this.#scheduler.steps > this.#crashStep + pendingStepsMax) return true;
    return engine.currentSeq > engine.ackableSeq || this.#crashStep % 4 === 0;
  }

  #crash(): void {
    const isKill = this.#has("kills") && (!this.#has("power cuts") || this.#dice.oneIn(2));
    const isLost = this.#dice.oneIn(3);
    const crash: CrashOptions = isKill
      ? { unsynced: "kept" }
      : isLost
        ? { unsynced: "lost" }
        : { random: this.#dice.random };
    this.#crashesLeft--;
    this.#counts[isKill ? "kills" : "powerCuts"]++;
    if (this.#server.state === "opening") this.#counts.crashesOfStarts++;
    this.#trace.note(isKill ? "kill" : isLost ? "power cut, all unsynced lost" : "power cut");
    this.#restart(crash);
  }

  /** The server has ended by itself. Without a fault of the disk nothing allows it to. */
  #restartFailed(): void {
    const { disk, failure } = this.#server;
    if (!disk.plan.isFaulty || failure?.includes('"INTERNAL"') === true) {
      return this.#ledger.violate(`the server ended by itself: ${failure ?? "in order"}`);
    }
    this.#counts.faults++;
    this.#restart(this.#dice.oneIn(2) ? { unsynced: "kept" } : { unsynced: "lost" });
  }

  #restart(crash: CrashOptions): void {
    const { disk, engine, state } = this.#server;
    this.#countWork();
    if (engine !== undefined) this.#writtenSeq = Math.max(this.#writtenSeq, engine.currentSeq);
    if (state === "ended" && engine === undefined) this.#trace.note("the start failed");
    const isFaulted = state === "ended" || disk.plan.failedSync > 0;
    this.#isCacheDoubtful = isFaulted || (engine === undefined && this.#isCacheDoubtful);
    const isKept = crash.unsynced === "kept" && !this.#isCacheDoubtful;
    const isAlways = this.#storePlan.syncMode === "always";
    this.#population.cutConnections(isAlways);
    this.#scheduler.drop(this.#server);
    const { knownSeq, durableSeq } = this.#ledger;
    let mustHold = isAlways || isKept ? knownSeq : durableSeq;
    // Where syncs are rare a power cut may take what was acknowledged, but nothing that a start has served; and a kill
    // brings nothing back that an earlier power cut took, whose start never came to its end.
    if (!isAlways && engine === undefined) mustHold = Math.min(mustHold, this.#mustHold);
    this.#boot(disk.crash(crash), mustHold);
  }

  #fillDisk(): void {
    const { memory } = this.#server.disk;
    this.#ledger.excuses.add("DISK_FULL");
    this.#counts.fullDisks++;
    const change = (what: string, delayUs: number, bytes: number) => {
      this.#scheduler.add(this.#server, what, delayUs, () => memory.setFreeBytes(bytes));
    };
    change("disk full", this.#dice.skewed(100, 50_000), this.#dice.below(100_000));
    change("disk has room", this.#dice.skewed(60_000, 3_000_000), 2 ** 40);
  }

  // --- The end ---------------------------------------------------------------------------------------------

  #closeInOrder(): void {
    const server = this.#server;
    if (!this.#run(() => server.state !== "opening")) return;
    if (server.state === "serving") server.close();
    this.#settle();
    this.#ledger.excuses.add("SHUTTING_DOWN");
    if (!this.#run(() => server.state === "ended") || server.disk.plan.isFaulty) return;
    if (server.failure !== undefined)
      this.#ledger.violate(`the server did not close in order: ${server.failure}`);
    const { knownSeq, model } = this.#ledger;
    // Whatever was executed is durable now, whether or not anybody was told.
    this.#ledger.knownSeq = Math.max(knownSeq, model.lastVersion);
    if (this.#storePlan.syncMode !== "always") this.#ledger.durableSeq = this.#ledger.knownSeq;
  }

  /** The power fails once more, on a disk that has no other faults. */
  #recoverOnceMore(): void {
    this.#trace.note("last power cut");
    this.#isLastLife = true;
    this.#restart(this.#dice.oneIn(2) ? { unsynced: "lost" } : { random: this.#dice.random });
    this.#run(() => this.#server.state === "serving");
    this.#countWork();
  }

  /** Lets the world go on until this is true. False: something else came first. */
  #run(until: () => boolean): boolean {
    const untilUs = this.#scheduler.nowUs + patienceMs * 1000;
    while (this.#isFine && !until()) {
      if (this.#scheduler.nowUs > untilUs) this.#ledger.violate("the server neither starts nor stops");
      else this.#step();
    }
    return this.#isFine;
  }

  #countWork(): void {
    const { engine, state } = this.#server;
    if (engine !== undefined && state === "serving") {
      const { flushes, compactions } = engine.stats() as { flushes: number; compactions: number };
      this.#counts.flushes += flushes;
      this.#counts.merges += compactions;
    }
    this.#counts.recoveries = this.#ledger.recoveries.length;
    this.#counts.answers = this.#population.answered;
  }
}
