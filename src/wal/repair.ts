import { join } from "node:path";
import { assert } from "../lib/assert.ts";
import { tornFilesKept } from "../lib/limits.ts";
import { writeFully, type File, type FileSystem } from "../vfs/file-system.ts";
import { publishFile } from "../vfs/publish.ts";
import { segmentName, tornName, tornPlace } from "./directory.ts";
import { fileBytes, type LogSurvey, type SurveyedSegment } from "./survey.ts";

/**
 * Makes a surveyed log fit to be appended to, and its content durable by this process's own doing. Every step
 * may be cut by a crash and is done again by the next start:
 *
 *  1. files that nobody finished, and leftovers of an interrupted truncation, are deleted;
 *  2. a torn tail is copied aside, and synced;
 *  3. what no later group vouches for is written once more, and synced. After a crash the page cache may hold
 *     bytes that never reached the disk, and after a failed sync it even calls them clean, so that another sync
 *     would do nothing. What recovery serves must have been written, and synced, by this boot.
 *
 * Where step 3 is about records or a floor, or a tail has to go, the whole segment is written anew beside the old one
 * and takes its name at once: writing over them in place would put at risk what may be durable already, and a floor
 * that goes back would miss the segments that were deleted below it. All other seals are written again where they are.
 */
export async function repairLog(
  fileSystem: FileSystem,
  directory: string,
  survey: LogSurvey,
): Promise<Repair> {
  assert(survey.verdict.kind !== "corrupt", "a damaged log is never touched");
  const { verdict, listing } = survey;
  for (const name of listing.unfinished) fileSystem.unlink(join(directory, name));
  for (const number of survey.leftovers) fileSystem.unlink(join(directory, segmentName(number)));
  await fileSystem.syncDirectory(directory);

  const last = survey.segments.at(-1);
  if (last === undefined) return { file: undefined, tornFile: undefined };
  const { walk, bytes } = last;
  const tornFile =
    verdict.kind === "torn" ? await keepAside(fileSystem, directory, last, listing.torn) : undefined;
  const name = segmentName(last.number);
  // A first group is written after the directory was synced. Without one, the last boot may have failed in that very
  // sync, and then the segment's name is as doubtful as unsynced bytes are.
  const isDoubtful = Math.max(walk.recordsEnd, walk.floorEnd) > walk.durableThrough || walk.groupCount === 0;
  if (verdict.kind === "torn" || isDoubtful) {
    return { file: await publishFile(fileSystem, directory, name, bytes.subarray(0, walk.end)), tornFile };
  }
  const file = fileSystem.open(join(directory, name));
  try {
    writeFully(file, bytes.subarray(walk.durableThrough, walk.end), walk.durableThrough);
    await file.sync();
  } catch (error) {
    file.close();
    throw error;
  }
  return { file, tornFile };
}

export interface Repair {
  /** The last segment, open for appending; undefined for a log without segments. */
  file: File | undefined;
  /** Where the cut bytes are kept. */
  tornFile: string | undefined;
}

async function keepAside(
  fileSystem: FileSystem,
  directory: string,
  last: SurveyedSegment,
  torn: string[],
): Promise<string> {
  const tail = fileBytes(last).subarray(last.walk.end);
  const { number } = last;
  const offset = last.walk.end;
  const before = torn.map(tornPlace).findLast((place) => place.number === number && place.offset === offset);
  const name = tornName({ number, offset, copy: (before?.copy ?? 0) + 1 });
  const file = await publishFile(fileSystem, directory, name, tail);
  file.close();
  for (const old of torn.slice(0, Math.max(0, torn.length + 1 - tornFilesKept))) {
    fileSystem.unlink(join(directory, old));
  }
  return join(directory, name);
}
