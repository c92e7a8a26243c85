import type { FileSystem } from "../vfs/file-system.ts";

/** What somebody should know of the disk under the data: where a sync means less than it says, or costs more. */
export function platformNotes(fileSystem: FileSystem, directory: string, platform: string): string[] {
  const notes: string[] = [];
  if (platform === "darwin") {
    notes.push("on macOS each sync is an F_FULLFSYNC, which reaches the platter and takes its time");
  }
  const type = fileSystemType(fileSystem, directory);
  const meaning = type === undefined ? undefined : meanings.find(({ types }) => types.test(type));
  if (meaning !== undefined) notes.push(`the data lies on ${type}: ${meaning.note}`);
  return notes;
}

const meanings: readonly { types: RegExp; note: string }[] = [
  {
    types: /^(tmpfs|ramfs)$/,
    note: "memory, which forgets everything when the machine stops; syncs do nothing there",
  },
  {
    types: /^overlay$/,
    note: "the layer of a container, which goes when the container goes; mount a volume",
  },
  {
    types: /^(nfs\d?|cifs|smb3?|9p|afs|ceph|fuse\..*|virtiofs|vboxsf)$/,
    note: "shared with or served by another machine or program; what a sync and a lock mean is for it to decide",
  },
];

/** As the kernel's list of mounts says (Linux); undefined where there is none, or it says nothing. */
function fileSystemType(fileSystem: FileSystem, directory: string): string | undefined {
  let mounts: string;
  let path: string;
  try {
    path = fileSystem.realPath(directory);
    mounts = readText(fileSystem, "/proc/self/mounts");
  } catch {
    return undefined;
  }
  let found: { point: string; type: string } | undefined;
  for (const line of mounts.split("\n")) {
    const [, rawPoint, type] = line.split(" ");
    if (rawPoint === undefined || type === undefined) continue;
    const point = rawPoint.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
    const isAbove = path === point || path.startsWith(point === "/" ? "/" : `${point}/`);
    // The longest mount point above it holds it, and of several on one point the last.
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, type };
  }
  return found?.type;
}

/** Such files have no size; they are read until they end. */
function readText(fileSystem: FileSystem, path: string): string {
  const file = fileSystem.openRead(path);
  try {
    const chunks: Buffer[] = [];
    for (let bytes = 0; bytes < textBytesMax;) {
      const chunk = Buffer.alloc(4096);
      const count = file.read(chunk, bytes);
      if (count === 0) break;
      bytes += count;
      chunks.push(chunk.subarray(0, count));
    }
    return Buffer.concat(chunks).toString();
  } finally {
    file.close();
  }
}

const textBytesMax = 1024 * 1024;
