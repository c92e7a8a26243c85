import type { Operation, Seen, Write } from "./oracle-types.ts";

/** What is known of one key in one round: the commits whose versions are known, and since when they are. */
export class KeyLife {
  readonly key: string;
  /** What the key held when the round began. */
  readonly base: Seen | undefined;
  /** All writes of the round that touch the key, known to have happened or not. */
  readonly writes: Write[] = [];
  readonly #deletes: Write[] = [];
  readonly #commits: Commit[];
  #isSorted = true;
  // Invariant: #moments and #floors have the same length; moments ascend, and so do the versions of floors.
  readonly #moments: number[] = [0];
  readonly #floors: Floor[];

  constructor(key: string, base: Seen | undefined) {
    this.key = key;
    this.base = base;
    const commit = { version: base?.version ?? 0, isPut: base !== undefined, write: undefined };
    this.#commits = [commit];
    this.#floors = [{ ...commit, absentAbove: -1 }];
  }

  /** The newest commit that anybody knows of. */
  get newest(): Floor {
    return this.#floors.at(-1)!;
  }

  /** What was known before the moment `since`: whoever begins to read then must not see less. */
  floorAt(since: number): Floor {
    let low = 0;
    let high = this.#moments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#moments[middle]! < since) low = middle;
      else high = middle - 1;
    }
    return this.#floors[low]!;
  }

  /** The commits whose versions are known, oldest first. The first is what the round began with. */
  commits(): readonly Commit[] {
    if (!this.#isSorted) this.#commits.sort((one, other) => one.version - other.version);
    this.#isSorted = true;
    return this.#commits;
  }

  add(write: Write): void {
    if (this.writes.at(-1) === write) return;
    this.writes.push(write);
    if (this.operationOf(write).type === "delete") this.#deletes.push(write);
  }

  /** What a write leaves of this key: in a batch, the last operation on it. */
  operationOf(write: Write): Operation {
    return write.operations.findLast((operation) => operation.key === this.key)!;
  }

  /** The write happened, at this version. */
  place(now: number, write: Write, version: number): void {
    this.#commit(now, { version, isPut: this.operationOf(write).type === "put", write });
  }

  /** Some put of this version happened; it is not known which. */
  witness(now: number, version: number): void {
    if (this.#commits.some((commit) => commit.version === version)) return;
    this.#commit(now, { version, isPut: true, write: undefined });
  }

  /** The key was absent at some time after `version` was known: nothing so old may ever show again. */
  witnessAbsence(now: number, version: number): void {
    if (version > this.newest.absentAbove) this.#moment(now, { ...this.newest, absentAbove: version });
  }

  /** Whether some delete is known to have happened, or may have happened, after this version. */
  mayBeDeletedAfter(version: number): boolean {
    return this.#deletes.some((write) => !write.isRefused && (write.version ?? Infinity) > version);
  }

  /** Deletes of which nobody knows whether they happened. */
  deletesInFlight(): Write[] {
    return this.#deletes.filter((write) => !write.isRefused && write.version === undefined);
  }

  #commit(now: number, commit: Commit): void {
    const { newest } = this;
    this.#isSorted &&= commit.version > this.#commits.at(-1)!.version;
    this.#commits.push(commit);
    if (commit.version > newest.version) this.#moment(now, { ...commit, absentAbove: newest.absentAbove });
  }

  #moment(now: number, floor: Floor): void {
    this.#moments.push(now);
    this.#floors.push(floor);
  }
}

/** A version of the key that exists or existed for sure. Version 0: the key was absent when the round began. */
export interface Commit {
  readonly version: number;
  readonly isPut: boolean;
  readonly write: Write | undefined;
}

/** What a key may not fall behind. */
export interface Floor extends Commit {
  /** Absence was seen after this version was known; -1: never. */
  readonly absentAbove: number;
}

/** All that is known of a round when it is judged. */
export interface Round {
  readonly writes: readonly Write[];
  readonly lives: ReadonlyMap<string, KeyLife>;
  readonly entries: ReadonlyMap<string, Seen>;
  /** The store's newest seq when the round began, and now. */
  readonly baseSeq: number;
  readonly currentSeq: number;
  /** Segments of the log that the store has begun since. */
  readonly segmentsBegun: number;
}
