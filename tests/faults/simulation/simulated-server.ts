import { InlineRunner } from "../../../src/compaction/inline-runner.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { openEngine } from "../../../src/engine/open.ts";
import type { SyncMode } from "../../../src/engine/store.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { resolveLimits, type ServerLimits } from "../../../src/server/server-limits.ts";
import { RunningServer } from "../../../src/server/server.ts";
import type { Session } from "../../../src/server/session.ts";
import type { Wire } from "../../../src/server/wire.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { Dice } from "./dice.ts";
import type { Ledger } from "./ledger.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimulatedDisk, type DiskPlan } from "./simulated-disk.ts";
import type { Sabotage } from "./simulation-options.ts";
import { WitnessedStore } from "./witnessed-store.ts";

/** Of a store in all its lives. */
export interface StorePlan {
  readonly syncMode: SyncMode;
  readonly segmentBytesMax: number;
  readonly tableBytesMax: number;
  readonly pageEntriesMax: number;
  readonly checkpointIntervalMs: number;
  readonly jobChunkBytes: number;
  readonly limits: Partial<ServerLimits>;
  readonly sabotage: Sabotage | undefined;
}

/** What a start has to find. */
export interface Expected {
  readonly mustHold: number;
  readonly writtenSeq: number;
}

/**
 * One life of the server's process: the real engine and the real server, with a clock, a disk, a network and dice that
 * are simulated. It is opening, serving, or ended; it ends by itself only when the store has failed, or was closed.
 */
export class SimulatedServer {
  state: "opening" | "serving" | "ended" = "opening";
  /** Why it ended, if something was wrong. */
  failure: string | undefined;
  readonly disk: SimulatedDisk;
  engine: Engine | undefined;
  readonly #scheduler: Scheduler;
  readonly #ledger: Ledger;
  readonly #plan: StorePlan;
  readonly #dice: Dice;
  readonly #clock: Clock;
  #server: RunningServer | undefined;
  #accept: ((wire: Wire) => Session | undefined) | undefined;

  constructor(
    scheduler: Scheduler,
    ledger: Ledger,
    plan: StorePlan,
    disk: { memory: MemoryFileSystem; plan: DiskPlan },
    seed: number,
  ) {
    this.#scheduler = scheduler;
    this.#ledger = ledger;
    this.#plan = plan;
    this.#dice = new Dice(seed, `life ${++ledger.life}`);
    this.disk = new SimulatedDisk(scheduler, this, disk.memory, disk.plan, this.#dice, plan.sabotage);
    this.#clock = scheduler.clock(this, (of) =>
      of === "turn" ? this.#dice.between(1, 20) : this.#dice.oneIn(8) ? this.#dice.below(3_000) : 0,
    );
  }

  /** Begins to open the store; a start that ends well is compared with the ledger before anybody is served. */
  start(expected: Expected): void {
    const { syncMode, segmentBytesMax, tableBytesMax, pageEntriesMax, checkpointIntervalMs } = this.#plan;
    const { fileSystem } = this.disk;
    const opening = openEngine({
      directory: "/data",
      syncMode,
      segmentBytesMax,
      tableBytesMax,
      levelBytesBase: 2 * tableBytesMax,
      manifestBytesMax: 2_048,
      cacheBytesMax: 8_192,
      pageEntriesMax,
      checkpointIntervalMs,
      fileSystem,
      clock: this.#clock,
      random: this.#dice.random,
      runner: new InlineRunner(fileSystem, this.#clock, this.#plan.jobChunkBytes),
    });
    opening.then(
      (engine) => this.#serve(engine, expected),
      (error: Error) => this.#end(`Cannot open: ${error.message}`),
    );
  }

  connect(wire: Wire): Session | undefined {
    return this.#accept?.(wire);
  }

  /** Ends in order. */
  close(): void {
    this.#server!.close().catch((error: Error) => this.#end(`Cannot close: ${error.message}`));
  }

  #serve(engine: Engine, { mustHold, writtenSeq }: Expected): void {
    this.engine = engine;
    const { currentSeq, ackableSeq } = engine;
    const all = this.#ledger.recovered(currentSeq, ackableSeq, mustHold, writtenSeq);
    this.#scheduler.trace.note("recovered", currentSeq);
    if (ackableSeq < this.#ledger.model.lastVersion) {
      this.#ledger.violate(`seq ${this.#ledger.model.lastVersion} is served, and durable is ${ackableSeq}`);
    }
    const found = this.#readAll(engine);
    if (found !== undefined && !Bun.deepEquals(found, all)) {
      this.#ledger.violate(`recovered was ${JSON.stringify(found)} instead of ${JSON.stringify(all)}`);
    }
    const ignored = () => {};
    this.#server = new RunningServer({
      store: new WitnessedStore(engine, this.#ledger, this.#plan.sabotage),
      listen: (accept) => {
        this.#accept = accept;
        return { hostname: "simulated", port: 1, stop: ignored };
      },
      limits: resolveLimits(this.#plan.limits),
      logger: {
        info: ignored,
        warn: ignored,
        error: (message, fields) => (this.failure = `${message}: ${JSON.stringify(fields)}`),
      },
      clock: this.#clock,
      random: this.#dice.random,
    });
    this.state = "serving";
    void this.#server.closed.then(() => this.#end(this.failure));
  }

  /** Undefined: the disk failed meanwhile. */
  #readAll(engine: Engine): [string, string | undefined][] | undefined {
    try {
      return new EngineDriver(engine).all();
    } catch (error) {
      if (!this.disk.plan.isFaulty)
        this.#ledger.violate(`what was recovered can't be read: ${String(error)}`);
      return undefined;
    }
  }

  #end(failure: string | undefined): void {
    this.failure = failure;
    this.state = "ended";
    this.#scheduler.trace.note("the server ended", failure ?? "in order");
  }
}
