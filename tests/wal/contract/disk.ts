import type { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { WalOptions, WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";

/** What a contract test gets: a disk that counts what is asked of it, and a directory that does not exist yet. */
export interface Disk {
  readonly fileSystem: FailingFileSystem;
  readonly directory: string;
  /** Opens the log in the directory; the test's end closes it. */
  open(options?: WalOptions): Promise<WriteAheadLog>;
  /** The names of the segments there are. */
  segments(): string[];
}

export type UseDisk = () => Disk;
