import type { Clock, Timer } from "../src/lib/clock.ts";
import { ClosedError, SnapshotExpiredError } from "./errors.ts";
import type { Pipeline } from "./pipeline.ts";
import { closeSnapshotOperation, renewSnapshotOperation } from "./store-operations.ts";

/**
 * Holds a snapshot of the server: renews its lease until it is closed. The server renews it at every use, too, so this
 * is for users who pause, be it between two pages of a scan.
 *
 * The timer holds the lease weakly: a snapshot, or a scan, that its user dropped without closing it is renewed no more
 * once it was collected, and its lease runs out. Otherwise the server would keep every version it sees for as long as
 * this process lives.
 */
export class SnapshotLease {
  readonly id: number;

  readonly #pipeline: Pipeline;
  readonly #weakly = new WeakRef(this);
  #leaseMs: number;
  #timer: Timer | undefined;
  #closed: Promise<void> | undefined;

  /** `leaseMs` as the server granted it. */
  constructor(pipeline: Pipeline, id: number, leaseMs: number) {
    this.#pipeline = pipeline;
    this.id = id;
    this.#leaseMs = leaseMs;
    this.#schedule();
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Tells the server, as far as it can be told. Never rejects: what it is not told, it learns from the lease. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The server has closed it by itself. */
  ended(): void {
    this.#timer?.cancel();
    this.#closed ??= Promise.resolve();
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    await this.#pipeline.call(closeSnapshotOperation, this.id, undefined).catch(() => {});
  }

  #schedule(): void {
    this.#timer = SnapshotLease.#renewLater(this.#pipeline.clock, this.#pauseMs, this.#weakly);
  }

  /** Static, so that the timer's function has no `this` that would hold the lease. */
  static #renewLater(clock: Clock, pauseMs: number, weakly: WeakRef<SnapshotLease>): Timer {
    return clock.schedule(pauseMs, () => {
      const lease = weakly.deref();
      if (lease !== undefined) void lease.#renew();
    });
  }

  /** A third of the lease: two renewals may fail, or come late, before it runs out. */
  get #pauseMs(): number {
    return Math.max(1, Math.floor(this.#leaseMs / 3));
  }

  async #renew(): Promise<void> {
    const args = { snapshotId: this.id, leaseMs: this.#leaseMs };
    this.#schedule();
    try {
      const reply = await this.#pipeline.call(renewSnapshotOperation, args, { timeoutMs: this.#pauseMs });
      this.#leaseMs = reply.leaseMs;
    } catch (error) {
      // Anything else may pass before the lease does: the next renewal tries again.
      if (error instanceof SnapshotExpiredError || error instanceof ClosedError) this.#timer?.cancel();
    }
  }
}
