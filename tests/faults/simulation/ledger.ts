import { StoreModel } from "../../engine/store-model.ts";

export interface LedgerOperation {
  readonly key: string;
  /** Without one it is a delete. */
  readonly value?: string;
}

/**
 * What the simulated store was told and has told: every write that it executed, and the newest seq that anybody outside
 * knows of. A crash may take what nobody knows, from the end, and nothing else.
 *
 * What does not fit is kept as the first violation, and not thrown: it is found in the middle of the store's own work,
 * which would take an exception for a bug of its own and end in order.
 */
export class Ledger {
  readonly model = new StoreModel();
  violation: string | undefined;
  /** Whoever was told of this seq was told that a crash can't take it. */
  knownSeq = 0;
  /** What was recovered and served is durable in every mode. */
  durableSeq = 0;
  /** Up to which seq the store that lives now lets anybody know. */
  ackableSeq: () => number = () => Infinity;
  /** Which start of the server this is, from 1. */
  life = 0;
  /** Each recovery that came to its end: in which life, and up to which seq. */
  readonly recoveries: { readonly life: number; readonly seq: number }[] = [];
  /** Codes with which any request may be refused, because of what has happened to the disk or the server. */
  readonly excuses = new Set<string>();
  readonly #versionOf = new Map<number, number>();
  #versions: number[] = [];

  violate(words: string): void {
    this.violation ??= words;
  }

  // --- What the store does ---------------------------------------------------------------------------------

  /** A request's write was executed and got its version. */
  executed(id: number, version: number, operations: readonly LedgerOperation[]): void {
    if (this.#versionOf.has(id)) this.violate(`request ${id} was executed twice`);
    if (version <= this.model.currentSeq) {
      this.violate(`versions went back: request ${id} got ${version} after ${this.model.currentSeq}`);
    }
    this.#versionOf.set(id, version);
    this.#versions.push(version);
    this.model.apply(version, operations);
  }

  /** The version of the newest write of a key; 0: there is none, or a delete. */
  heldVersion(key: string): number {
    return this.model.get(key)?.version ?? 0;
  }

  /** The newest version of anything up to `seq`. */
  versionUpTo(seq: number): number {
    return this.#versions.findLast((version) => version <= seq) ?? 0;
  }

  /**
   * A start has come to its end. `mustHold`: the seq that it must have reached; `writtenSeq`: the newest that it can
   * have. Behind `ackableSeq` may lie the CHECKPOINT of a segment that the start has begun: nobody knows of that one, also
   * where a mode that syncs rarely lost what somebody knew. Returns what has to be there now.
   */
  recovered(
    seq: number,
    ackableSeq: number,
    mustHold: number,
    writtenSeq: number,
  ): readonly [string, string][] {
    if (seq < mustHold) {
      this.violate(`up to seq ${mustHold} somebody was told, and only ${seq} was recovered`);
    }
    if (seq > writtenSeq) this.violate(`seq ${seq} was recovered, and no more than ${writtenSeq} written`);
    this.#versions = this.#versions.filter((version) => version <= seq);
    this.model.goBackTo(seq);
    this.recoveries.push({ life: this.life, seq });
    this.knownSeq = Math.min(this.knownSeq, ackableSeq);
    this.durableSeq = seq;
    return this.model.scan({});
  }

  // --- What clients are told -------------------------------------------------------------------------------

  /** A client was told something that is true up to `seq`, by the server in its `life`. */
  know(seq: number, life: number, id: number): void {
    // The answer may come when the server that gave it is gone, and another one has recovered.
    const later = this.recoveries.find((recovery) => recovery.life > life);
    if (later !== undefined && later.seq < seq) {
      this.violate(
        `the answer to request ${id} tells of seq ${seq}, and a crash took all beyond ${later.seq}`,
      );
    }
    if (life === this.life && seq > this.ackableSeq()) {
      this.violate(`the answer to request ${id} tells of seq ${seq}, beyond ackableSeq ${this.ackableSeq()}`);
    }
    this.knownSeq = Math.max(this.knownSeq, seq);
  }

  /** Request `id` was acknowledged with this version. */
  acknowledged(id: number, version: number, life: number): void {
    const executed = this.#versionOf.get(id);
    if (executed !== version) {
      this.violate(`request ${id} was acknowledged with version ${version}, and executed with ${executed}`);
    }
    this.know(version, life, id);
  }

  /** Request `id` was refused, and nothing can have happened. */
  refused(id: number, code: string): void {
    const version = this.#versionOf.get(id);
    if (version !== undefined) {
      this.violate(`request ${id} was refused with ${code}, and executed with version ${version}`);
    }
  }

  /**
   * An answer has to be true at one moment between its request and now, and whoever has it knows that moment. The
   * earliest one is taken, which assumes the least.
   */
  explain(
    id: number,
    what: string,
    sinceSeq: number,
    life: number,
    isTrueAt: (seq: number) => boolean,
  ): void {
    if (isTrueAt(sinceSeq)) return this.know(sinceSeq, life, id);
    for (const version of this.#versions) {
      if (version > sinceSeq && isTrueAt(version)) return this.know(version, life, id);
    }
    this.violate(`request ${id} got ${what}, which was never true since seq ${sinceSeq}`);
  }
}
