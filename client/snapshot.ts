import type { CallOptions, KeyKind } from "./options.ts";
import { ReadonlyKeyspace } from "./readonly-keyspace.ts";
import { checkDuration } from "./settings.ts";
import { SnapshotLease } from "./snapshot-lease.ts";
import { openSnapshotOperation } from "./store-operations.ts";
import type { View } from "./view.ts";

export interface SnapshotOptions extends CallOptions {
  /**
   * How long the server keeps the snapshot when it hears nothing of it, in milliseconds: after a crash of this process,
   * or while there is no connection. As long as there is one, the client renews it. Default: the server's, 30,000. The
   * server may grant less, by default at most 600,000.
   */
  leaseMs?: number | undefined;
}

/**
 * The store as it was at one moment, to be read as long as it is open; writes that come later are not in it. It costs
 * the server every version that is overwritten meanwhile, so close it when it is done with. Once it is closed, reads
 * reject with a ClosedError; once the server has lost it, with a SnapshotExpiredError.
 *
 * @example
 * await using snapshot = await db.snapshot();
 * const [accounts, transfers] = [snapshot.keyspace<Account>("accounts/"), snapshot.keyspace<Transfer>("transfers/")];
 */
export class Snapshot<V = unknown, N extends KeyKind = "string"> extends ReadonlyKeyspace<V, N> {
  /** Which moment: the snapshot shows all writes up to this version, and none after it. */
  readonly seq: number;
  readonly #lease: SnapshotLease;

  /** @internal */
  constructor(view: View<V, N>, lease: SnapshotLease, seq: number) {
    super(view.at(lease));
    this.#lease = lease;
    this.seq = seq;
  }

  /**
   * Lets the server forget it. Never rejects: a server that cannot be told forgets it when its lease runs out. Calls
   * that were made before are answered.
   */
  close(): Promise<void> {
    return this.#lease.close();
  }

  /** Closes: `await using snapshot = await db.snapshot()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** @internal */
export async function openSnapshot<V, N extends KeyKind>(
  view: View<V, N>,
  options: SnapshotOptions | undefined,
): Promise<Snapshot<V, N>> {
  const asked = options?.leaseMs;
  const leaseMsAsked = asked === undefined ? leaseOfServersChoice : checkDuration("leaseMs", asked);
  const { pipeline } = view;
  const { snapshotId, seq, leaseMs } = await pipeline.call(openSnapshotOperation, leaseMsAsked, options);
  return new Snapshot(view, new SnapshotLease(pipeline, snapshotId, leaseMs), seq);
}

/** On the wire 0 means: as long as the server thinks right. */
const leaseOfServersChoice = 0;
