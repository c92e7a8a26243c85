import type { FileSystem } from "../vfs/file-system.ts";
import { DiskFullError } from "./errors.ts";

/**
 * How much may be appended before the disk is asked again. Foreseeing a full disk beats recovering from one: a write
 * that is refused here has touched nothing, and succeeds once there is space.
 */
export class DiskRoom {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #headroomBytes: number;
  /** What the disk had left when it was last asked, and what of it may still be appended. */
  #bytesFree = 0;
  #bytesAdmitted = 0;

  constructor(fileSystem: FileSystem, directory: string, headroomBytes: number) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#headroomBytes = headroomBytes;
  }

  /** Whether so many bytes fit into what was measured. */
  fits(bytes: number): boolean {
    return bytes <= this.#bytesAdmitted;
  }

  /**
   * Asks the disk. What is appended and not yet written needs its place too; and a start after a crash copies the
   * segment, and must find room for that on a disk that others have filled since.
   */
  measure(pendingBytes: number, segmentBytes: number): void {
    this.#bytesFree = this.#fileSystem.freeBytes(this.#directory);
    this.#bytesAdmitted = this.#bytesFree - pendingBytes - this.#headroomBytes - segmentBytes;
  }

  take(bytes: number, segmentBytes: number): void {
    if (bytes > this.#bytesAdmitted) {
      throw new DiskFullError(this.#directory, this.#bytesFree, bytes + this.#headroomBytes + segmentBytes);
    }
    this.#bytesAdmitted -= bytes;
  }
}
