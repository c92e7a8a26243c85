import type { Clock, Timer } from "../lib/clock.ts";
import { HoldfastError } from "../lib/errors.ts";
import { snapshotLeaseMsDefault, snapshotLeaseMsMax, snapshotsMax } from "../lib/limits.ts";
import type { Random } from "../lib/random.ts";

/** A state of the store that stays readable: what its reader sees are the newest versions up to `seq`. */
export interface Snapshot {
  readonly id: number;
  readonly seq: number;
  leaseMs: number;
  /** It is gone after this, unless it is used again. */
  expiresAtMs: number;
  /** Opened by a scan for its own pages, and closed with the last of them. */
  readonly isOfScan: boolean;
}

/**
 * The snapshots that somebody holds. All that they cost is versions: a version that is overwritten, or met in a
 * compaction, is kept as long as one of these seqs sees it. A lease ends what its holder forgot.
 *
 * They belong to the server and not to a connection, so that whoever lost one goes on over another. Ids are random:
 * one from before a restart does not name a snapshot of after it.
 */
export class Snapshots {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #changed: (newestSeq: number) => void;
  // In the order of their opening, so by ascending seq.
  readonly #open = new Map<number, Snapshot>();
  #timer: Timer | undefined;

  /** `changed` hears of the newest seq that is held, 0 for none, whenever it changes. */
  constructor(clock: Clock, random: Random, changed: (newestSeq: number) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#changed = changed;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Ascending, each once. */
  get seqs(): number[] {
    return [...new Set(Array.from(this.#open.values(), (snapshot) => snapshot.seq))];
  }

  /** Holds what is there up to `seq`, which never goes back from call to call. */
  open(seq: number, leaseMs: number, isOfScan: boolean): Snapshot {
    if (this.#open.size >= snapshotsMax) throw new SnapshotsExhaustedError();
    const id = this.#newId();
    const snapshot = { id, seq, isOfScan, leaseMs: granted(leaseMs), expiresAtMs: 0 };
    this.#renew(snapshot);
    this.#open.set(id, snapshot);
    this.#changed(seq);
    this.#watch();
    return snapshot;
  }

  /** Every use renews the lease. Throws where there is no such snapshot, or no longer. */
  use(id: number): Snapshot {
    const snapshot = this.#open.get(id);
    if (snapshot === undefined || snapshot.expiresAtMs <= this.#clock.monotonicMs()) {
      throw new SnapshotExpiredError();
    }
    this.#renew(snapshot);
    return snapshot;
  }

  renew(id: number, leaseMs: number): Snapshot {
    const snapshot = this.use(id);
    snapshot.leaseMs = granted(leaseMs);
    this.#renew(snapshot);
    return snapshot;
  }

  close(id: number): void {
    if (!this.#open.delete(id)) return;
    this.#tell();
  }

  closeAll(): void {
    this.#open.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #renew(snapshot: Snapshot): void {
    snapshot.expiresAtMs = this.#clock.monotonicMs() + snapshot.leaseMs;
  }

  #tell(): void {
    let newestSeq = 0;
    for (const { seq } of this.#open.values()) newestSeq = seq;
    this.#changed(newestSeq);
  }

  /** One timer for all: it looks when the first of them could have expired. */
  #watch(): void {
    if (this.#timer !== undefined || this.#open.size === 0) return;
    let firstMs = Infinity;
    for (const { expiresAtMs } of this.#open.values()) firstMs = Math.min(firstMs, expiresAtMs);
    this.#timer = this.#clock.schedule(Math.max(1, firstMs - this.#clock.monotonicMs()), () => {
      this.#timer = undefined;
      const nowMs = this.#clock.monotonicMs();
      const countBefore = this.#open.size;
      for (const { id, expiresAtMs } of this.#open.values()) if (expiresAtMs <= nowMs) this.#open.delete(id);
      if (this.#open.size < countBefore) this.#tell();
      this.#watch();
    });
  }

  /** 53 random bits, never 0. */
  #newId(): number {
    for (;;) {
      const id = (this.#random.uint32() >>> 11) * 0x1_0000_0000 + this.#random.uint32();
      if (id !== 0 && !this.#open.has(id)) return id;
    }
  }
}

function granted(leaseMs: number): number {
  return leaseMs === 0 ? snapshotLeaseMsDefault : Math.min(leaseMs, snapshotLeaseMsMax);
}

/** Nobody used the snapshot for the time of its lease, or the server was started again since. */
export class SnapshotExpiredError extends HoldfastError {
  constructor() {
    super(
      "SNAPSHOT_EXPIRED",
      "Cannot read the snapshot: it is not there, or no longer: its lease ran out, or the server was started again; " +
        "open a new one, or begin the scan anew",
    );
  }
}

class SnapshotsExhaustedError extends HoldfastError {
  constructor() {
    super(
      "OVERLOADED",
      `Cannot open a snapshot: ${snapshotsMax} are open already; close some, or let their leases run out`,
    );
  }
}
