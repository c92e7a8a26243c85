import { HoldfastError } from "../lib/errors.ts";
import { readFully, writeFully, type File, type FileSystem } from "../vfs/file-system.ts";

/** Copies a file, or only its first `bytes`, to a new one, which is synced; returns how many bytes that were. */
export async function copyFile(
  fileSystem: FileSystem,
  from: string,
  to: string,
  bytes?: number,
): Promise<number> {
  const source = fileSystem.openRead(from);
  try {
    const target = fileSystem.create(to);
    try {
      const count = await copyBytes(source, target, bytes ?? source.size());
      await target.sync();
      return count;
    } catch (error) {
      fileSystem.unlink(to);
      throw error;
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

async function copyBytes(source: File, target: File, bytes: number): Promise<number> {
  const piece = Buffer.allocUnsafeSlow(Math.min(bytes, pieceBytesMax));
  for (let at = 0; at < bytes;) {
    const wanted = piece.subarray(0, Math.min(piece.length, bytes - at));
    const count = readFully(source, wanted, at);
    if (count < wanted.length) {
      throw new HoldfastError(
        "COPY_FAILED",
        `Cannot copy ${source.path}: it ends at ${at + count}, not at ${bytes}`,
      );
    }
    writeFully(target, wanted, at);
    at += count;
    // A server may be syncing its log on the same disk: many small syncs hold that up less than a large one at the end.
    if (at < bytes) await target.datasync();
  }
  return bytes;
}

const pieceBytesMax = 1024 * 1024;
