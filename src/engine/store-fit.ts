import { join } from "node:path";
import { HoldfastError } from "../lib/errors.ts";
import type { ManifestState } from "../manifest/manifest-state.ts";
import type { LogSurvey } from "../wal/survey.ts";

/** The parts of a data directory. */
export function storeDirectories(directory: string): { wal: string; tables: string; manifest: string } {
  return {
    wal: join(directory, "wal"),
    tables: join(directory, "tables"),
    manifest: join(directory, "manifest"),
  };
}

/**
 * Why a log and a manifest, each of them whole, are not of one piece; undefined if they are. Nothing else notices when
 * a whole file is lost, or replaced by an older one of itself: each of these rows is something that no crash can
 * leave, because of the order in which a flush does things (flusher.ts).
 *
 * | what is found                                            | what must have happened                           |
 * | -------------------------------------------------------- | ------------------------------------------------- |
 * | no manifest, a log with a floor                          | the manifest was lost: records went into tables   |
 * | a manifest, no log                                       | the log was lost: it is there before the manifest |
 * | another store's manifest                                 | directories were mixed                            |
 * | the log's floor above the manifest's covered seq         | an older manifest: the floor rises after the edit |
 * | the log ends before the seq up to which it was durable,  | the log's end was lost, or an older log is here   |
 * | or the segment that was active, at the manifest's last   |                                                   |
 * | edit                                                     |                                                   |
 */
export function misfitOf(state: ManifestState | undefined, log: LogSurvey): string | undefined {
  const last = log.segments.at(-1);
  if (state === undefined) {
    if (log.floorSeq === 0) return undefined;
    return `its log begins above seq ${log.floorSeq}, but there is no manifest of the tables before it`;
  }
  if (last === undefined) return "there is a manifest, but no log";
  if (!Buffer.from(last.header.storeId).equals(state.storeId)) {
    return "its manifest belongs to another store than its log";
  }
  if (log.floorSeq > state.coveredSeq) {
    return `its log begins above seq ${log.floorSeq}, but its tables end at seq ${state.coveredSeq}`;
  }
  if (log.lastSeq < state.durableSeq || last.number < state.segmentNumber) {
    return (
      `its log ends with segment ${last.number} at seq ${log.lastSeq}, but was durable up to segment ` +
      `${state.segmentNumber} and seq ${state.durableSeq} when its manifest was last written to`
    );
  }
  return undefined;
}

/** Log, manifest and tables are each whole, but not of one piece: something was lost, replaced or mixed. */
export class StoreMismatchError extends HoldfastError {
  constructor(directory: string, state: string) {
    super(
      "STORE_MISMATCH",
      `Cannot open ${directory}: ${state}; files are missing or from another time. Nothing was changed; ` +
        `"holdfast check" shows more, and a backup can be restored`,
    );
  }
}
