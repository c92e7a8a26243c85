import { join } from "node:path";
import { readFully, type FileSystem } from "../vfs/file-system.ts";
import { listManifests, manifestName, type ManifestListing } from "./directory.ts";
import { ManifestCorruptionError } from "./errors.ts";
import type { ManifestState } from "./manifest-state.ts";
import { walkManifest, type EditPlace, type TornEdit } from "./walk-manifest.ts";

/**
 * What the manifest of a directory says, and how it was found.
 *
 * | row | what is found                                                        | verdict |
 * | --- | -------------------------------------------------------------------- | ------- |
 * | A   | no manifest, and at most what a first start left unfinished          | NONE    |
 * | B   | a name that no manifest has                                          | CORRUPT |
 * | C   | a directory or a newest manifest that can't be read                  | CORRUPT |
 * | D   | no manifest, but an unfinished one that followed another             | CORRUPT |
 * | E   | a header that is bad, or whose number is not its name's              | CORRUPT |
 * | F   | a first edit that is not whole                                       | CORRUPT |
 * | G   | a whole edit or seal that can't follow what lies before it           | CORRUPT |
 * | H   | bytes that are neither, with a header of one behind them             | CORRUPT |
 * | I   | bytes that are neither, with no header of one behind them            | TORN    |
 * | J   | every byte accounted for                                             | CLEAN   |
 *
 * README.md, section 5, gives the reason for each row.
 */
export interface ManifestReading {
  /** The path of the newest manifest, the one that counts, and its number. */
  file: string;
  number: number;
  state: ManifestState;
  /** Of the last whole edit. */
  editNumber: number;
  /** How many whole edits there are, the first one included, which holds the whole state. */
  editCount: number;
  /** Whether the last whole edit is sealed, or was in flight when the process ended. */
  isSealed: boolean;
  /** Where the last whole edit or seal ends. */
  bytes: number;
  /** What a crash left behind it of an edit that nobody was told of, or of a seal. */
  torn: TornEdit | undefined;
}

/**
 * Reads the newest manifest; undefined: there is none. Damage throws ManifestCorruptionError. Changes nothing.
 * `onEdit` is shown every whole edit, and where there is damage those before it.
 */
export function readManifest(
  fileSystem: FileSystem,
  directory: string,
  onEdit?: (place: EditPlace) => void,
): ManifestReading | undefined {
  const listing = readListing(fileSystem, directory);
  const number = listing.numbers.at(-1);
  if (number === undefined) {
    rejectForeign(directory, listing);
    rejectLost(directory, listing);
    return undefined;
  }
  const file = join(directory, manifestName(number));
  const { state, end, ...walk } = walkManifest(file, number, readWhole(fileSystem, file), onEdit);
  rejectForeign(directory, listing);
  return { file, number, state: state.freeze(), bytes: end, ...walk };
}

/** Row C. */
function readListing(fileSystem: FileSystem, directory: string): ManifestListing {
  try {
    if (!fileSystem.exists(directory)) return { numbers: [], unfinished: [], foreign: [] };
    return listManifests(fileSystem, directory);
  } catch (error) {
    throw unreadable(directory, error);
  }
}

/** Row C. Less than the whole file is no manifest either: a failed read must not look like an end. */
function readWhole(fileSystem: FileSystem, path: string): Buffer {
  try {
    const file = fileSystem.openRead(path);
    try {
      const bytes = Buffer.allocUnsafeSlow(file.size());
      const filled = readFully(file, bytes, 0);
      if (filled < bytes.length) throw new Error(`only ${filled} of its ${bytes.length} bytes could be read`);
      return bytes;
    } finally {
      file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): ManifestCorruptionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ManifestCorruptionError(path, 0, `it can't be read: ${reason}`, { cause });
}

/** Row B; after the manifest itself, so that its own damage is named first. */
function rejectForeign(directory: string, { foreign }: ManifestListing): void {
  const name = foreign[0];
  if (name === undefined) return;
  const problem = "no manifest has such a name; move it elsewhere";
  throw new ManifestCorruptionError(join(directory, name), 0, problem);
}

/** Row D. A manifest is deleted only once a later one is durable, so what is gone was taken by something else. */
function rejectLost(directory: string, { unfinished }: ManifestListing): void {
  const later = unfinished.find((name) => name !== `${manifestName(1)}.tmp`);
  if (later === undefined) return;
  const problem = "it was to follow a manifest, and there is none";
  throw new ManifestCorruptionError(join(directory, later), 0, problem);
}
