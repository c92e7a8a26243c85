import type { FileSystem } from "../vfs/file-system.ts";

/** The names in a log's directory. */
export const lockName = "LOCK";

/** "000000000042.wal": names sort as their numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(12, "0")}.wal`;
}

/** Where a tail was cut off; `copy` counts the tails that were cut off at the same place. */
export interface TornPlace {
  number: number;
  offset: number;
  copy: number;
}

/** "000000000042-1234.torn", and for the second tail that was cut off there "000000000042-1234-2.torn". */
export function tornName({ number, offset, copy }: TornPlace): string {
  const place = `${segmentName(number).slice(0, -".wal".length)}-${offset}`;
  return copy === 1 ? `${place}.torn` : `${place}-${copy}.torn`;
}

export function tornPlace(name: string): TornPlace {
  const [number, offset, copy] = name.split(/[-.]/).map(Number);
  return { number: number!, offset: offset!, copy: copy || 1 };
}

export interface DirectoryListing {
  /** Segment numbers, ascending. */
  segments: number[];
  /** Files that were being written when a process ended; nothing refers to them. */
  unfinished: string[];
  /** Tails that crashes left and repairs cut, in the order of the crashes. */
  torn: string[];
  /** Names that no log writes. */
  foreign: string[];
}

/** Sorts the names of a directory. Names that begin with a dot belong to somebody else and are passed over. */
export function listDirectory(fileSystem: FileSystem, directory: string): DirectoryListing {
  const listing: DirectoryListing = { segments: [], unfinished: [], torn: [], foreign: [] };
  for (const name of fileSystem.list(directory).sort()) {
    if (name === lockName || name.startsWith(".")) continue;
    if (/^\d{12}\.wal$/.test(name)) listing.segments.push(Number(name.slice(0, 12)));
    else if (/^\d{12}(\.wal|-\d+(-\d+)?\.torn)\.tmp$/.test(name)) listing.unfinished.push(name);
    else if (/^\d{12}-\d+(-\d+)?\.torn$/.test(name)) listing.torn.push(name);
    else listing.foreign.push(name);
  }
  // A log only grows, so tails that are cut off later lie further back.
  listing.torn.sort((name, otherName) => {
    const [one, other] = [tornPlace(name), tornPlace(otherName)];
    return one.number - other.number || one.offset - other.offset || one.copy - other.copy;
  });
  return listing;
}
