import { Buffer } from "node:buffer";
import { keyBytesMax, keyBytesMin, tableLevelMax } from "../lib/limits.ts";
import { LiveTables } from "./live-tables.ts";
import type { ManifestEdit, ManifestState, TableEntry } from "./manifest-state.ts";

/**
 * A state that edits are applied to, and the one judge of what an edit may say. The writer asserts what the reader
 * checks, by the same code (README.md, section 4). An edit may follow a state if and only if
 *
 *  (a) the seq that it covers, the next table number, the segment number and the durable seq are not lower than the
 *      state's, and the durable seq is not lower than the one that it covers;
 *  (b) each table that it removes is live, and removed once;
 *  (c) each table that it adds has a number below the next one that no live table has, and one that it also removes
 *      stays the same but for its level;
 *  (d) each table that it adds has possible numbers and keys, and no version above the seq that the edit covers;
 *  (e) no two tables of a level from 1 on have a key in common.
 */
export class LiveState {
  readonly #storeId: Uint8Array;
  readonly #hashSeed: number;
  #coveredSeq = 0;
  #nextTableNumber = 1;
  #segmentNumber = 0;
  #durableSeq = 0;
  #tables: LiveTables;

  /** The state before any edit. */
  constructor(storeId: Uint8Array, hashSeed: number, tables = new LiveTables()) {
    this.#storeId = storeId;
    this.#hashSeed = hashSeed;
    this.#tables = tables;
  }

  copy(): LiveState {
    const copy = new LiveState(this.#storeId, this.#hashSeed, this.#tables.copy());
    copy.#coveredSeq = this.#coveredSeq;
    copy.#nextTableNumber = this.#nextTableNumber;
    copy.#segmentNumber = this.#segmentNumber;
    copy.#durableSeq = this.#durableSeq;
    return copy;
  }

  /** What it is now, never to be changed. */
  freeze(): ManifestState {
    return {
      storeId: this.#storeId,
      hashSeed: this.#hashSeed,
      coveredSeq: this.#coveredSeq,
      nextTableNumber: this.#nextTableNumber,
      segmentNumber: this.#segmentNumber,
      durableSeq: this.#durableSeq,
      tables: this.#tables.list(),
    };
  }

  /** Applies an edit, or says why it can't follow this state; then the state is good for nothing any more. */
  apply(edit: ManifestEdit): string | undefined {
    const backward = this.#advance(edit);
    if (backward !== undefined) return backward;
    const moved = new Map<number, TableEntry>();
    for (const number of edit.removed) {
      const table = this.#tables.remove(number);
      if (table === undefined) return `it removes table ${number}, which is not live`;
      moved.set(number, table);
    }
    for (const table of edit.added) {
      const problem = tableProblem(table, edit) ?? this.#add(table, moved.get(table.number));
      if (problem !== undefined) return `it adds table ${table.number}, ${problem}`;
    }
    return undefined;
  }

  /** (a) */
  #advance({ coveredSeq, nextTableNumber, segmentNumber, durableSeq }: ManifestEdit): string | undefined {
    const numbers = [coveredSeq, nextTableNumber, segmentNumber, durableSeq];
    if (!numbers.every(isCount)) return "its numbers are beyond all bounds";
    if (coveredSeq < this.#coveredSeq) {
      return `it covers seq ${coveredSeq}, after the tables covered seq ${this.#coveredSeq}`;
    }
    if (nextTableNumber < this.#nextTableNumber) {
      return `its next table number ${nextTableNumber} comes after ${this.#nextTableNumber}`;
    }
    if (segmentNumber < this.#segmentNumber) {
      return `its segment number ${segmentNumber} comes after ${this.#segmentNumber}`;
    }
    if (durableSeq < this.#durableSeq) {
      return `it says that the log was durable up to seq ${durableSeq}, after it was up to ${this.#durableSeq}`;
    }
    if (durableSeq < coveredSeq) {
      return `it covers seq ${coveredSeq}, and the log was durable up to seq ${durableSeq} only`;
    }
    this.#coveredSeq = coveredSeq;
    this.#nextTableNumber = nextTableNumber;
    this.#segmentNumber = segmentNumber;
    this.#durableSeq = durableSeq;
    return undefined;
  }

  /** (c) and (e); `before` is the table that this edit removed under the same number. */
  #add(table: TableEntry, before: TableEntry | undefined): string | undefined {
    if (this.#tables.get(table.number) !== undefined) return "whose number a live table has";
    if (before !== undefined && !isSameTable(before, table))
      return "which it also removes, and it is another one";
    const other = this.#tables.add(table);
    return other && `which overlaps table ${other.number} on level ${table.level}`;
  }
}

/** (c) and (d), as far as the table itself shows it. */
function tableProblem(table: TableEntry, edit: ManifestEdit): string | undefined {
  const { entryCount, tombstoneCount, keyBytes, valueBytes, versionMin, versionMax, firstKey, lastKey } =
    table;
  if (!isCount(table.number) || table.number < 1 || table.number >= edit.nextTableNumber) {
    return `though the next number is ${edit.nextTableNumber}`;
  }
  if (!isCount(table.level) || table.level > tableLevelMax)
    return `on level ${table.level}, which there is none`;
  if (
    ![table.bytes, entryCount, tombstoneCount, keyBytes, valueBytes, versionMin, versionMax].every(isCount)
  ) {
    return "whose numbers are beyond all bounds";
  }
  if (!isCount(table.fileChecksum) || table.fileChecksum > 0xffff_ffff) return "whose checksum is none";
  if (table.bytes === 0 || entryCount === 0) return "which is empty";
  if (tombstoneCount > entryCount) return "which has more tombstones than entries";
  if (![firstKey, lastKey].every(({ length }) => length >= keyBytesMin && length <= keyBytesMax)) {
    return "whose first or last key is none";
  }
  if (Buffer.compare(firstKey, lastKey) > 0) return "whose first key comes after its last one";
  if (versionMin > versionMax) return "whose lowest version is above its highest";
  if (versionMax > edit.coveredSeq) {
    return `whose versions up to ${versionMax} lie above the seq ${edit.coveredSeq} that is covered`;
  }
  return undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The same file with the same content: the level may differ. */
function isSameTable(one: TableEntry, other: TableEntry): boolean {
  return (
    one.bytes === other.bytes &&
    one.entryCount === other.entryCount &&
    one.tombstoneCount === other.tombstoneCount &&
    one.keyBytes === other.keyBytes &&
    one.valueBytes === other.valueBytes &&
    one.versionMin === other.versionMin &&
    one.versionMax === other.versionMax &&
    one.fileChecksum === other.fileChecksum &&
    Buffer.compare(one.firstKey, other.firstKey) === 0 &&
    Buffer.compare(one.lastKey, other.lastKey) === 0
  );
}
