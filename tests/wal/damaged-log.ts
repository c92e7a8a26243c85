import { seededRandom } from "../../src/lib/random.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { WalCorruptionError, type SyncMode } from "../../src/wal/write-ahead-log.ts";
import { diskWith, filesOf, segmentsOf, type Files } from "./disk-files.ts";
import { openTestLog, put, rejectionOf } from "./log-fixture.ts";

/**
 * A log of four segments, each of three groups with singles and batches, as a kill left it: the last group is
 * not sealed. Stores of different seeds have different identities.
 */
export async function writeSegments(seed = 1, syncMode: SyncMode = "always"): Promise<Files> {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { segmentBytesMax: 480, random: seededRandom(seed), syncMode });
  for (let index = 0; index < 6; index++) {
    await log.append(put(`single ${index}`, 20));
    await log.appendBatch([put(`batch ${index}`, 10), put("key", index)]);
  }
  const files = filesOf(disk);
  if (segmentsOf(files).length !== 4) throw new Error("these tests need four segments");
  return files;
}

/**
 * Opens a damaged log, which must be refused by WalCorruptionError with every file as it was. The first answer is
 * the error, the second what was asked of the disk meanwhile that could have changed it.
 */
export async function refusalOf(files: Files): Promise<WalCorruptionError> {
  const disk = await diskWith(files);
  const fileSystem = new FailingFileSystem(disk);
  const error = await rejectionOf(openTestLog(fileSystem));
  if (!(error instanceof WalCorruptionError)) throw error;
  expectSameFiles(filesOf(disk), files);
  const changes = fileSystem.calls.filter(({ kind }) => changing.has(kind));
  if (changes.length > 0) throw new Error(`the refusal went with ${JSON.stringify(changes)}`);
  return error;
}

const changing = new Set(["create", "open", "write", "truncate", "rename", "unlink"]);

export function expectSameFiles(found: Files, expected: Files): void {
  const hexOf = (files: Files) =>
    [...files].map(([name, bytes]) => `${name} ${bytes.toString("hex")}`).sort();
  if (hexOf(found).join() !== hexOf(expected).join()) throw new Error("the files were changed");
}
