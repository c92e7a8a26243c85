import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface FileList {
  /** Those that can be stored, by their paths relative to the directory. */
  readonly files: readonly ListedFile[];
  readonly skipped: { tooLarge: number; unreadable: number };
}

export interface ListedFile {
  /** Relative, with "/" whatever the system uses: the key. */
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
}

export interface FileLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly frameBytesMax: number;
}

/** All regular files under a directory, in the order of their keys; links are left alone. */
export async function listFiles(directory: string, limits: FileLimits): Promise<FileList> {
  const files: ListedFile[] = [];
  const skipped = { tooLarge: 0, unreadable: 0 };
  const visit = async (path: string, prefix: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries) {
      const key = prefix + entry.name;
      const child = join(path, entry.name);
      try {
        if (entry.isDirectory()) await visit(child, `${key}/`);
        if (!entry.isFile()) continue;
        const { size: bytes } = await stat(child);
        if (fits(key, bytes, limits)) files.push({ key, path: child, bytes });
        else skipped.tooLarge++;
      } catch {
        // Gone meanwhile, not ours to read, or with a name that is no text.
        skipped.unreadable++;
      }
    }
  };
  await visit(directory, "");
  files.sort((one, other) => (one.key < other.key ? -1 : 1));
  return { files, skipped };
}

/** A request is a frame: key, value, and a little around them. */
function fits(key: string, bytes: number, limits: FileLimits): boolean {
  const keyBytes = Buffer.byteLength(key);
  return (
    keyBytes <= limits.keyBytesMax &&
    bytes <= limits.valueBytesMax &&
    keyBytes + bytes + frameOverheadBytes <= limits.frameBytesMax
  );
}

const frameOverheadBytes = 64;
