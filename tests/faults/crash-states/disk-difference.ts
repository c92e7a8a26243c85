import { readFile } from "../../../src/vfs/file-system.ts";
import { sectorBytes } from "../../../src/vfs/memory-image.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";

/** What a crash did to a disk, for people: names that are gone or came back, sizes, sectors. */
export function differenceOf(before: MemoryFileSystem, left: MemoryFileSystem): string[] {
  const [whole, found] = [before.listAll(), left.listAll()];
  const paths = [...new Set([...Object.keys(whole), ...Object.keys(found)])].sort();
  return paths.flatMap((path) => {
    const [size, sizeLeft] = [whole[path], found[path]];
    if (sizeLeft === undefined) return [`${path} is gone`];
    if (size === undefined) return [`${path} is there again`];
    if (size === "directory" || sizeLeft === "directory") return [];
    const sectors = sectorsThatDiffer(readFile(before, path), readFile(left, path));
    if (size === sizeLeft && sectors.length === 0) return [];
    return [
      `${path} has ${sizeLeft} bytes of ${size}${sectors.length === 0 ? "" : `; ${sectors.join(", ")}`}`,
    ];
  });
}

function sectorsThatDiffer(whole: Buffer, left: Buffer): string[] {
  const different: string[] = [];
  for (let start = 0; start < Math.min(whole.length, left.length); start += sectorBytes) {
    const end = Math.min(start + sectorBytes, left.length, whole.length);
    const bytes = left.subarray(start, end);
    if (bytes.equals(whole.subarray(start, end))) continue;
    const first = bytes.findIndex((byte, index) => byte !== whole[start + index]);
    const what = bytes.subarray(first).every((byte) => byte === 0) ? "zeros" : "other bytes";
    different.push(`${what} in sector ${start / sectorBytes} from offset ${start + first} on`);
  }
  return different;
}
