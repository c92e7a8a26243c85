import { Buffer } from "node:buffer";
import { type Random, randomBelow, randomBytes } from "../../src/lib/random.ts";
import type { ManifestEdit, ManifestState, TableEntry } from "../../src/manifest/manifest-state.ts";

/**
 * A second, simple opinion on what an edit makes of a state: no index, no incremental order, everything sorted anew.
 */
export function stateAfter(state: ManifestState, edit: ManifestEdit): ManifestState {
  const { coveredSeq, nextTableNumber, segmentNumber, durableSeq } = edit;
  const kept = state.tables.filter(({ number }) => !edit.removed.includes(number));
  const tables = [...kept, ...edit.added].sort((one, other) => {
    if (one.level !== other.level) return one.level - other.level;
    if (one.level > 0) return Buffer.compare(one.firstKey, other.firstKey);
    return other.versionMax - one.versionMax || other.number - one.number;
  });
  return { ...state, coveredSeq, nextTableNumber, segmentNumber, durableSeq, tables };
}

/** An edit that may follow this state: a flush, a compaction, a table that moves down, or nothing but progress. */
export function randomEdit(random: Random, state: ManifestState): ManifestEdit {
  const coveredSeq = state.coveredSeq + randomBelow(random, 1000);
  const progress = {
    coveredSeq,
    durableSeq: Math.max(state.durableSeq, coveredSeq + 1 + randomBelow(random, 1000)),
    nextTableNumber: state.nextTableNumber + randomBelow(random, 3),
    segmentNumber: state.segmentNumber + randomBelow(random, 2),
  };
  const dice = randomBelow(random, 10);
  if (dice === 0) return { added: [], removed: [], ...progress };
  if (dice <= 4 || state.tables.length === 0) {
    const number = progress.nextTableNumber++;
    const coveredSeq = progress.coveredSeq + 1;
    const added = [randomTable(random, number, 0, state.coveredSeq + 1, coveredSeq)];
    return { added, removed: [], ...progress, coveredSeq };
  }
  const some = state.tables.filter(() => randomBelow(random, 3) === 0);
  const removed = some.map(({ number }) => number);
  const live = state.tables.filter(({ number }) => !removed.includes(number));
  const candidates =
    dice <= 6
      ? some.map((moved) => ({ ...moved, level: Math.min(6, moved.level + 1) }))
      : Array.from({ length: randomBelow(random, 4) }, () =>
          randomTable(random, progress.nextTableNumber++, 1 + randomBelow(random, 6), 0, progress.coveredSeq),
        );
  const added: TableEntry[] = [];
  for (const candidate of candidates) {
    if (![...live, ...added].some((other) => overlap(candidate, other))) added.push(candidate);
  }
  return { added, removed, ...progress };
}

/** Keys are short, or so long that an edit spans several sectors of the disk. */
function randomTable(
  random: Random,
  number: number,
  level: number,
  versionMin: number,
  versionMax: number,
): TableEntry {
  const from = randomBelow(random, 60_000);
  const keyBytes = [2, 7, 300, 1500][randomBelow(random, 4)]!;
  const key = (place: number) => {
    const bytes = randomBytes(random, keyBytes);
    bytes.set([place >> 8, place & 0xff]);
    return bytes;
  };
  const entryCount = 1 + randomBelow(random, 1_000_000);
  return {
    number,
    level,
    bytes: 1 + random.uint32(),
    entryCount,
    tombstoneCount: randomBelow(random, entryCount + 1),
    keyBytes: random.uint32() * 1000,
    valueBytes: random.uint32() * 100_000,
    versionMin,
    versionMax,
    firstKey: key(from),
    lastKey: key(from + 1 + randomBelow(random, 3000)),
    fileChecksum: random.uint32(),
  };
}

function overlap(one: TableEntry, other: TableEntry): boolean {
  if (one.level !== other.level || one.level === 0) return false;
  return Buffer.compare(one.firstKey, other.lastKey) <= 0 && Buffer.compare(other.firstKey, one.lastKey) <= 0;
}
