import type { ByteWriter } from "../../../src/lib/byte-writer.ts";
import * as encode from "../../../src/protocol/request-encoder.ts";
import { expectDone, snapshotOf } from "../../server/harness.ts";
import type { Dice } from "./dice.ts";
import type { Sent, WorkloadWorld } from "./sent.ts";

export interface OpenSnapshot {
  readonly id: number;
  readonly seq: number;
  readonly life: number;
  leaseUs: number;
  /** When it was used last, at the earliest. */
  usedUs: number;
  isClosed: boolean;
}

/** The snapshots that clients hold. They share them: a snapshot belongs to the server and to no connection. */
export class HeldSnapshots {
  readonly #world: WorkloadWorld;
  readonly #snapshots: OpenSnapshot[] = [];

  constructor(world: WorkloadWorld) {
    this.#world = world;
  }

  /** Opens, renews or closes one. */
  draw(writer: ByteWriter, id: number, dice: Dice): Sent {
    const { ledger } = this.#world;
    const { life, knownSeq } = ledger;
    const askedUs = this.#world.nowUs();
    const open = this.maybe(dice);
    const leaseMs = dice.oneIn(4) ? dice.between(1, 50) : 0;
    if (open !== undefined && dice.oneIn(2)) {
      open.isClosed = true;
      encode.encodeCloseSnapshot(writer, id, open.id);
      return { what: "close snapshot", life, answered: (response) => expectDone(response) };
    }
    if (open !== undefined) {
      encode.encodeRenewSnapshot(writer, id, open.id, leaseMs);
      // Whether or not the answer comes, the lease may be the shorter one from now on.
      open.leaseUs = Math.min(open.leaseUs, leaseMs === 0 ? Infinity : leaseMs * 1000);
      return {
        what: "renew snapshot",
        life,
        answered: (response) => {
          const { snapshotId, seq } = snapshotOf(response);
          if (snapshotId !== open.id || seq !== open.seq)
            ledger.violate(`request ${id} renewed another snapshot`);
        },
        refused: ({ code }) => code === "SNAPSHOT_EXPIRED" && this.mayBeGone(open, life),
      };
    }
    encode.encodeOpenSnapshot(writer, id, leaseMs);
    return {
      what: "open snapshot",
      life,
      answered: (response) => {
        const { snapshotId, seq, leaseMs: granted } = snapshotOf(response);
        if (seq < knownSeq) ledger.violate(`request ${id} opened a snapshot at ${seq}, behind ${knownSeq}`);
        ledger.know(seq, life, id);
        const leaseUs = granted * 1000;
        this.#snapshots.push({ id: snapshotId, seq, life, leaseUs, usedUs: askedUs, isClosed: false });
      },
    };
  }

  /** One that was opened, now and then, whether or not it is still there. */
  maybe(dice: Dice): OpenSnapshot | undefined {
    return this.#snapshots.length > 0 && dice.oneIn(4) ? dice.pick(this.#snapshots) : undefined;
  }

  /** Whether a request that was sent in this life may find it gone. */
  mayBeGone({ isClosed, life, leaseUs, usedUs }: OpenSnapshot, askedIn: number): boolean {
    return isClosed || life !== askedIn || this.#world.nowUs() - usedUs >= leaseUs;
  }
}
