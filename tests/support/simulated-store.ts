import { randomBelow, type Random } from "../../src/lib/random.ts";
import type { Operation, Seen } from "./oracle-types.ts";

/** The ways in which a simulated store can break the promise. */
export type Sabotage =
  | "acknowledges before the sync"
  | "shows what is not synced"
  | "refuses by what is not synced"
  | "tears a batch"
  | "ignores conditions"
  | "gives numbers out again";

/**
 * A store in fifty lines, without a disk: commits wait in a list until `sync`, a crash keeps the synced ones and
 * some of the others. It exists to try out the oracle, with and without a sabotage.
 */
export class SimulatedStore {
  readonly #random: Random;
  readonly #sabotage: Sabotage | undefined;
  #seq = 0;
  #durableSeq = 0;
  #log: Entry[] = [];
  #state = new Map<string, Seen>();
  /** The seq at which each key last changed, deletes too. */
  #changed = new Map<string, number>();

  constructor(random: Random, sabotage?: Sabotage) {
    this.#random = random;
    this.#sabotage = sabotage;
  }

  get currentSeq(): number {
    return this.#seq;
  }

  get entries(): ReadonlyMap<string, Seen> {
    return this.#state;
  }

  sync(): void {
    this.#durableSeq = this.#seq;
  }

  /** Whether an answer that depends on `visibleAt` may leave. */
  mayLeave(visibleAt: number): boolean {
    return visibleAt <= this.#durableSeq;
  }

  write(operations: readonly Operation[]): Answer {
    // A refusal tells that the conditions before it hold, so it waits for all that they looked at.
    let lookedAt = 0;
    for (const [index, { key, ifVersion }] of operations.entries()) {
      const actual = this.#state.get(key)?.version ?? 0;
      if (ifVersion !== undefined) lookedAt = Math.max(lookedAt, this.#changed.get(key) ?? 0);
      if (ifVersion === undefined || ifVersion === actual || this.#sabotage === "ignores conditions")
        continue;
      const visibleAt = this.#sabotage === "refuses by what is not synced" ? 0 : lookedAt;
      return { kind: "conflict", index, actual, visibleAt };
    }
    this.#seq += operations.length > 1 ? operations.length + 1 : 1;
    this.#log.push({ version: this.#seq, operations });
    this.#apply(this.#log.at(-1)!);
    return {
      kind: "written",
      version: this.#seq,
      visibleAt: this.#sabotage === "acknowledges before the sync" ? 0 : this.#seq,
    };
  }

  read(keys: readonly string[]): Answer {
    const entries = new Map(keys.map((key) => [key, this.#state.get(key)]));
    const newest = Math.max(...keys.map((key) => this.#changed.get(key) ?? 0));
    return { kind: "page", entries, visibleAt: this.#sabotage === "shows what is not synced" ? 0 : newest };
  }

  crash(): void {
    const unsynced = this.#log.filter(({ version }) => version > this.#durableSeq);
    const survivors = this.#log.slice(0, this.#log.length - randomBelow(this.#random, unsynced.length + 1));
    const torn = this.#log[survivors.length];
    if (this.#sabotage === "tears a batch" && torn !== undefined) {
      survivors.push({ version: torn.version, operations: torn.operations.slice(0, 1) });
    }
    this.#log = survivors;
    this.#state = new Map();
    this.#changed = new Map();
    for (const entry of survivors) this.#apply(entry);
    this.#seq = survivors.at(-1)?.version ?? 0;
    if (this.#sabotage === "gives numbers out again")
      this.#seq = Math.max(0, ...[...this.#state.values()].map(versionOf));
    this.sync();
  }

  #apply({ version, operations }: Entry): void {
    for (const { key, type, tag } of operations) {
      if (type === "put") this.#state.set(key, { version, tag });
      else this.#state.delete(key);
      this.#changed.set(key, version);
    }
  }
}

export type Answer =
  | { kind: "written"; version: number; visibleAt: number }
  | { kind: "conflict"; index: number; actual: number; visibleAt: number }
  | { kind: "page"; entries: Map<string, Seen | undefined>; visibleAt: number };

interface Entry {
  readonly version: number;
  readonly operations: readonly Operation[];
}

const versionOf = (seen: Seen) => seen.version;
