import { explainsAbsence } from "./oracle-absence.ts";
import { conditionsHeld, connectionsInOrder, pagesWhole, seqsAccountedFor } from "./oracle-audit.ts";
import { KeyLife } from "./oracle-key.ts";
import type { Operation, Page, Rule, Seen, Violation, Write } from "./oracle-types.ts";

/**
 * Knows what clients asked of a store, what they were told and what they saw, and says whether the store kept its
 * promise: live, and after each crash, when `recovered` is given all that the store holds then. It needs no search
 * through orders, because versions order all commits: every acknowledgement and every value read names its place.
 *
 * What a crash may leave of a key is the newest commit that anybody knows of (acknowledged, or seen by a read, or
 * in the same batch as one of these), or a later write that was in flight: nothing older, and nothing else. That a
 * write in flight took effect shows in its value, which its tag names; a delete in flight shows in nothing, so
 * an absence that no known delete explains must be explained by one in flight that fits (oracle-absence.ts).
 *
 * Rounds follow each other: what `recovered` was given is where the next round begins.
 */
export class Oracle {
  readonly violations: Violation[] = [];
  /** Writes acknowledged so far, over all rounds. */
  acknowledgedCount = 0;

  readonly #isAlone: boolean;
  readonly #lives = new Map<string, KeyLife>();
  #writes: Write[] = [];
  #byTag = new Map<number, Write>();
  #byVersion = new Map<number, Write>();
  #pages: Page[] = [];
  /** The store's newest seq when the round began, and the newest that anybody has seen since. */
  #baseSeq = 0;
  #knownSeq = 0;
  /** The newest segment of the log when the round began. */
  #baseSegment = 1;
  /** Counts events: what was known before a call began is what the call must not fall behind. */
  #now = 0;

  /** `isAlone`: nobody else writes to the store, so that every seq can be accounted for. */
  constructor(options: { isAlone: boolean } = { isAlone: true }) {
    this.#isAlone = options.isAlone;
  }

  /** A write is about to be sent. Requests of one connection are told in the order in which they are sent. */
  send(connection: number, operations: readonly Operation[], isBatch = operations.length !== 1): Write {
    const write: Write = {
      connection,
      operations,
      records: isBatch ? operations.length + 1 : 1,
      floorSeq: this.#knownSeq,
      sentAt: ++this.#now,
      version: undefined,
      isAcknowledged: false,
      isRefused: false,
    };
    this.#writes.push(write);
    for (const { key, type, tag } of operations) {
      if (type === "put") this.#byTag.set(tag, write);
      this.#life(key).add(write);
    }
    return write;
  }

  acknowledged(write: Write, version: number): void {
    this.#now++;
    this.acknowledgedCount++;
    write.isAcknowledged = true;
    if (version <= write.floorSeq) {
      this.#violated(
        "version-went-back",
        `${nameOf(write)} got version ${version}, ${write.floorSeq} was known`,
      );
    }
    this.#place(write, version);
  }

  /** The store, or the client, says that the write certainly did not happen. */
  refused(write: Write): void {
    this.#now++;
    write.isRefused = true;
    if (write.version === undefined) return;
    this.#violated("refused-but-applied", `${nameOf(write)} has version ${write.version}, and is refused`);
  }

  /** Refused because the entry of one operation has this version (0: does not exist), which tells that it has. */
  conflicted(write: Write, operationIndex: number, actualVersion: number): void {
    this.refused(write);
    const operation = write.operations[operationIndex];
    if (operation === undefined || operation.ifVersion === undefined) {
      this.#violated("refused-wrongly", `${nameOf(write)} conflicts in operation ${operationIndex}`);
      return;
    }
    if (operation.ifVersion === actualVersion) {
      this.#violated(
        "refused-wrongly",
        `${nameOf(write)} conflicts although ${operation.key} is as it asked`,
      );
    }
    if (actualVersion === 0) return this.sawAbsence(write.sentAt, operation.key);
    this.#notOlder(write.sentAt, operation.key, actualVersion);
    this.#know(actualVersion);
    this.#life(operation.key).witness(this.#now, actualVersion);
  }

  /** The moment to hand in with what a read brings back: take it before the read is sent. */
  beginRead(): number {
    return ++this.#now;
  }

  sawEntry(since: number, key: string, seen: Seen): void {
    this.#now++;
    this.#notOlder(since, key, seen.version);
    this.#identify(key, seen);
  }

  sawAbsence(since: number, key: string): void {
    this.#now++;
    const life = this.#life(key);
    const floor = life.floorAt(since);
    if (floor.isPut && !life.mayBeDeletedAfter(floor.version)) {
      this.#violated(
        "stale-read",
        `${key} is absent, but version ${floor.version} was known and nobody deletes it`,
      );
    }
    life.witnessAbsence(this.#now, floor.version);
  }

  /** What was shown of several keys, all at the same instant, undefined: absent. `seq`: which instant, if it was said. */
  sawPage(since: number, entries: Page["entries"], seq?: number): void {
    if (seq !== undefined) this.sawSeq(seq);
    for (const [key, seen] of entries) {
      if (seen === undefined) this.sawAbsence(since, key);
      else this.sawEntry(since, key, seen);
    }
    if (this.#pages.length < pagesKept) this.#pages.push({ entries: new Map(entries), seq });
  }

  /** Everybody who was told a seq knows that all up to it has happened, and lasts. */
  sawSeq(seq: number): void {
    this.#now++;
    this.#know(seq);
  }

  /** A snapshot was read once more, and shows this of a key, where it showed something else before. */
  snapshotChanged(seq: number, key: string, before: Seen | undefined, after: Seen | undefined): void {
    const shown = (seen: Seen | undefined) => (seen === undefined ? "absence" : `version ${seen.version}`);
    const detail = `the snapshot of seq ${seq} showed ${shown(before)} of ${key}, and then ${shown(after)}`;
    this.#violated("snapshot-changed", detail);
  }

  /** The moment at which a copy of the store is begun, to be handed in with what the copy holds. */
  beginCopy(): CopyBegun {
    return { since: this.beginRead(), seq: this.#knownSeq };
  }

  /** All that a copy of the store holds, and up to which seq it says to hold everything. */
  sawCopy(begun: CopyBegun, seq: number, entries: ReadonlyMap<string, Seen>): void {
    if (seq < begun.seq) {
      this.#violated(
        "stale-copy",
        `the copy ends at seq ${seq}, but ${begun.seq} was known before it was begun`,
      );
    }
    const page = new Map<string, Seen | undefined>(entries);
    for (const key of this.#lives.keys()) if (!page.has(key)) page.set(key, undefined);
    this.sawPage(begun.since, page, seq);
  }

  /**
   * All that the store holds after a restart, while nobody writes, and its newest segment of the log, each of which but
   * the first begins with a record of the store's own. Judges the round and begins the next.
   */
  recovered(currentSeq: number, entries: ReadonlyMap<string, Seen>, segmentNumber = this.#baseSegment): void {
    this.#now++;
    if (currentSeq < this.#knownSeq) {
      this.#violated("seq-went-back", `the store is at seq ${currentSeq}, but ${this.#knownSeq} was seen`);
    }
    // First everybody who shows in the state, so that the halves of a batch know of each other.
    for (const [key, seen] of entries) {
      if (seen.version > currentSeq) {
        this.#violated(
          "seq-went-back",
          `${key} has version ${seen.version}, the store is at seq ${currentSeq}`,
        );
      }
      this.#identify(key, seen);
    }
    const segmentsBegun = segmentNumber - this.#baseSegment;
    this.#baseSegment = segmentNumber;
    const seqs = { baseSeq: this.#baseSeq, currentSeq, segmentsBegun };
    const round = { writes: this.#writes, lives: this.#lives, entries, ...seqs };
    for (const [key, life] of this.#lives) {
      const { version, isPut, absentAbove, write } = life.newest;
      const seen = entries.get(key);
      const isLost =
        seen === undefined ? isPut && !explainsAbsence(round, key, version) : seen.version < version;
      if (isLost) {
        const rule =
          write !== undefined && !write.isAcknowledged && write.records > 1 ? "half-batch" : "lost-write";
        const now = seen === undefined ? "it is gone" : `it has version ${seen.version}`;
        this.#violated(
          rule,
          `${key} had version ${version}${write ? ` (${nameOf(write)})` : ""}, and ${now}`,
        );
      } else if (seen !== undefined && seen.version <= absentAbove) {
        this.#violated(
          "resurrected",
          `${key} was seen absent after ${absentAbove}, it has version ${seen.version}`,
        );
      }
    }
    this.violations.push(
      ...connectionsInOrder(round),
      ...conditionsHeld(round),
      ...pagesWhole(round, this.#pages),
    );
    if (this.#isAlone) this.violations.push(...seqsAccountedFor(round));
    this.#beginRound(currentSeq, entries);
  }

  #beginRound(currentSeq: number, entries: ReadonlyMap<string, Seen>): void {
    this.#baseSeq = this.#knownSeq = Math.max(currentSeq, this.#knownSeq);
    this.#writes = [];
    this.#byTag = new Map();
    this.#byVersion = new Map();
    this.#pages = [];
    const keys = new Set([...this.#lives.keys(), ...entries.keys()]);
    this.#lives.clear();
    for (const key of keys) this.#lives.set(key, new KeyLife(key, entries.get(key)));
  }

  /** Finds out which write an entry comes from, which thereby is known to have happened, and when. */
  #identify(key: string, seen: Seen): void {
    const life = this.#life(key);
    if (seen.tag === life.base?.tag && life.base !== undefined) {
      if (seen.version !== life.base.version) {
        this.#violated("version-changed", `${key} went from version ${life.base.version} to ${seen.version}`);
      }
      return;
    }
    const write = this.#byTag.get(seen.tag);
    if (
      write === undefined ||
      write.operations.findLast((operation) => operation.key === key)?.tag !== seen.tag
    ) {
      this.#violated("never-sent", `${key} holds value ${seen.tag}, which nobody wrote there in this round`);
    } else {
      this.#place(write, seen.version);
    }
  }

  #place(write: Write, version: number): void {
    if (write.isRefused) {
      this.#violated("refused-but-applied", `${nameOf(write)} was refused, and has version ${version}`);
    }
    if (write.version !== undefined) {
      if (write.version !== version) {
        this.#violated("version-changed", `${nameOf(write)} had version ${write.version}, then ${version}`);
      }
      return;
    }
    const other = this.#byVersion.get(version);
    if (other !== undefined || version <= this.#baseSeq) {
      const owner = other === undefined ? "an earlier round" : nameOf(other);
      this.#violated("version-reused", `${nameOf(write)} and ${owner} both have version ${version}`);
    }
    write.version = version;
    this.#byVersion.set(version, write);
    this.#know(version);
    const keys = new Set(write.operations.map((operation) => operation.key));
    for (const key of keys) this.#life(key).place(this.#now, write, version);
  }

  #notOlder(since: number, key: string, version: number): void {
    const floor = this.#life(key).floorAt(since);
    if (version < floor.version) {
      this.#violated("stale-read", `${key} shows version ${version}, but ${floor.version} was known before`);
    } else if (version <= floor.absentAbove) {
      this.#violated("resurrected", `${key} was seen absent after ${floor.absentAbove}, it shows ${version}`);
    }
  }

  #know(version: number): void {
    this.#knownSeq = Math.max(this.#knownSeq, version);
  }

  #life(key: string): KeyLife {
    let life = this.#lives.get(key);
    if (life === undefined) this.#lives.set(key, (life = new KeyLife(key, undefined)));
    return life;
  }

  #violated(rule: Rule, detail: string): void {
    this.violations.push({ rule, detail });
  }
}

/** What was known when a copy of the store was begun. */
export interface CopyBegun {
  readonly since: number;
  readonly seq: number;
}

/** Pages are looked at again when the round is over; a round with more of them is not worth the memory. */
const pagesKept = 5_000;

function nameOf(write: Write): string {
  const { type, tag, key } = write.operations[0]!;
  const what = write.records > 1 ? `batch of ${write.operations.length} with ${type}` : type;
  return `${what} ${key}${type === "put" ? ` = ${tag}` : ""} of connection ${write.connection}`;
}
