import { join } from "node:path";
import { storeDirectories } from "../../../src/engine/store-fit.ts";
import type { ManifestState } from "../../../src/manifest/manifest-state.ts";
import { readManifest } from "../../../src/manifest/read-manifest.ts";
import { dumpTable } from "../../../src/table/dump-table.ts";
import { tableName } from "../../../src/table/table-format.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { recordType } from "../../../src/wal/format.ts";
import { RecordCursor } from "../../../src/wal/record.ts";
import { surveyLog } from "../../../src/wal/survey.ts";
import { dataDirectory, filesOf, makeRichStore, writeFile } from "../../offline/rich-store.ts";

export const directories: ReturnType<typeof storeDirectories> = storeDirectories(dataDirectory);

/** A store that is damaged again and again, and all that a judge has to know of it. */
export interface Subject {
  readonly seed: number;
  /** How the run ended that made it: only a store that was killed a moment ago may look as if a crash had torn it. */
  readonly end: StoreEnd;
  readonly files: ReadonlyMap<string, Buffer>;
  /** What the same files held earlier in the run that made them, oldest first. */
  readonly older: ReadonlyMap<string, readonly Buffer[]>;
  readonly state: ManifestState;
  readonly lastSegment: LastSegment;
  readonly lastSeq: number;
  /** Every change that the store holds. */
  readonly versions: readonly Version[];
}

export interface Version {
  readonly key: Buffer;
  readonly version: number;
  /** Undefined: a delete. */
  readonly value: Buffer | undefined;
  /** In which it lies; 0: in the log. */
  readonly table: number;
}

export interface LastSegment {
  readonly path: string;
  /** The last seq before it. */
  readonly seqBefore: number;
  readonly groups: readonly TailGroup[];
}

export interface TailGroup {
  readonly start: number;
  readonly end: number;
  readonly lastSeq: number;
  /** What lies before this offset was synced when the group was written. */
  readonly durableThrough: number;
}

export type StoreEnd = "killed" | "closed";

/** A store with every kind of file: the same one for the same seed. */
export async function makeSubject(seed: number, end: StoreEnd): Promise<Subject> {
  const older = new Map<string, Buffer[]>();
  const remember = (earlier: MemoryFileSystem) => {
    for (const [path, bytes] of filesOf(earlier)) {
      const known = older.get(path) ?? [];
      older.set(path, known);
      if (known.at(-1)?.equals(bytes) !== true) known.push(bytes);
    }
  };
  const disk = await makeRichStore(seed, remember, end);
  return subjectOf(seed, end, filesOf(disk), older);
}

/** `older`: what files held earlier; what they hold now, and other files, are left out. */
export async function subjectOf(
  seed: number,
  end: StoreEnd,
  files: ReadonlyMap<string, Buffer>,
  older: ReadonlyMap<string, readonly Buffer[]> = new Map(),
): Promise<Subject> {
  const past = [...files].map(([path, now]): [string, Buffer[]] => {
    return [path, (older.get(path) ?? []).filter((image) => !image.equals(now))];
  });
  const disk = await diskOf({ files });
  const { state } = readManifest(disk, directories.manifest)!;
  return { seed, end, files, older: new Map(past), state, ...readNaively(disk, state) };
}

/** The store on a disk of its own, all of it synced, so that damage done to it is all that is ever pending. */
export async function diskOf({ files }: Pick<Subject, "files">): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  for (const path of [dataDirectory, ...Object.values(directories)]) disk.makeDirectory(path);
  for (const [path, bytes] of files) writeFile(disk, path, bytes);
  for (const path of files.keys()) await disk.open(path).sync();
  for (const path of ["/", dataDirectory, ...Object.values(directories)]) await disk.syncDirectory(path);
  return disk;
}

/** All that is in tables and log, by no index, no merge and no search: one version after the other. */
function readNaively(
  disk: MemoryFileSystem,
  state: ManifestState,
): Pick<Subject, "versions" | "lastSegment" | "lastSeq"> {
  const versions: Version[] = [];
  for (const { number } of state.tables) {
    for (const item of dumpTable(disk, join(directories.tables, tableName(number)))) {
      if (item.kind !== "entry") continue;
      const { key, version, isTombstone, value } = item;
      versions.push({
        key: Buffer.from(key),
        version,
        value: isTombstone ? undefined : Buffer.from(value),
        table: number,
      });
    }
  }
  let groups: TailGroup[] = [];
  let seqBefore = 0;
  const cursor = new RecordCursor();
  const survey = surveyLog(disk, directories.wal, {
    visitor: {
      segment(header) {
        groups = [];
        seqBefore = header.firstSeq - 1;
      },
      group(bytes, { offset, firstSeq, recordCount, durableThrough }, payloadStart, payloadEnd) {
        const lastSeq = firstSeq + recordCount - 1;
        groups.push({ start: offset, end: payloadEnd, lastSeq, durableThrough });
        cursor.open(bytes, payloadStart, payloadEnd, firstSeq);
        while (cursor.next()) {
          const { type, keyStart, keyEnd, valueEnd, commitSeq: version } = cursor;
          const isPut = type === recordType.put;
          if (version <= state.coveredSeq || (!isPut && type !== recordType.delete)) continue;
          const key = Buffer.from(bytes.subarray(keyStart, keyEnd));
          const value = isPut ? Buffer.from(bytes.subarray(keyEnd, valueEnd)) : undefined;
          versions.push({ key, version, value, table: 0 });
        }
      },
    },
  });
  const last = survey.segments.at(-1)!;
  const name = [...disk.list(directories.wal)]
    .filter((each) => each.endsWith(".wal"))
    .sort()
    .at(-1)!;
  const lastSegment = { path: join(directories.wal, name), seqBefore, groups };
  return { versions, lastSegment, lastSeq: last.walk.lastSeq };
}
