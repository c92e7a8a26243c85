import { extname } from "node:path";
import { sectorBytes } from "../../../src/vfs/memory-image.ts";
import type { Subject } from "./subject.ts";

export const damageKinds = [
  "bit flipped",
  "byte to 00",
  "byte to ff",
  "file cut",
  "sector zeroed",
  "sectors swapped",
  "sector of its past",
  "sector of another",
  "file of its past",
  "files swapped",
  "file removed",
] as const;

export type DamageKind = (typeof damageKinds)[number];

export interface Damage {
  readonly kind: DamageKind;
  /** Where, for people. */
  readonly place: string;
  readonly changes: readonly FileChange[];
  /** Of damage to one byte: where that is. */
  readonly offset?: number;
}

export interface FileChange {
  readonly path: string;
  /** Undefined: the file is gone. */
  readonly bytes: Buffer | undefined;
}

/** So many damages of one kind, each made when it is asked for. Undefined: it would change nothing, or is another's. */
export interface Family {
  readonly kind: DamageKind;
  readonly count: number;
  at(index: number): Damage | undefined;
}

/** Every single damage that the sweep does to a store, as families. */
export function damagesOf({ files, older }: Subject): Family[] {
  const all = [...files];
  const families = all.flatMap(([path, bytes]): Family[] => [
    ...bytewise(path, bytes),
    ...sectorwise(path, bytes),
    ...(older.get(path) ?? []).flatMap((past) => ofThePast(path, bytes, past)),
    family("file removed", path, 1, () => ({ bytes: undefined })),
  ]);
  for (const [path, bytes] of all) {
    for (const [other, otherBytes] of all) {
      if (path === other || kindOf(path) !== kindOf(other)) continue;
      families.push(
        family("sector of another", `${path} from ${other}`, sectorsOf(bytes), (sector) => ({
          path,
          bytes: withSector(bytes, sector, otherBytes),
        })),
      );
      if (path > other) continue;
      const changes = [
        { path, bytes: otherBytes },
        { path: other, bytes },
      ];
      const place = `${path} and ${other}`;
      families.push({
        kind: "files swapped",
        count: 1,
        at: () => ({ kind: "files swapped", place, changes }),
      });
    }
  }
  return families;

  /** `make` gives the bytes that the file has then; the same bytes as before are no damage. */
  function family(
    kind: DamageKind,
    name: string,
    count: number,
    make: (index: number) => { path?: string; bytes: Buffer | undefined; offset?: number } | undefined,
  ): Family {
    return {
      kind,
      count,
      at(index) {
        const made = make(index);
        if (made === undefined) return undefined;
        const { path = name, bytes, offset } = made;
        if (bytes?.equals(files.get(path)!) === true) return undefined;
        const damage = { kind, place: `${name} at ${index}`, changes: [{ path, bytes }] };
        return offset === undefined ? damage : { ...damage, offset };
      },
    };
  }

  function bytewise(path: string, bytes: Buffer): Family[] {
    const withByte = (offset: number, value: number) => {
      const copy = Buffer.from(bytes);
      copy[offset] = value;
      return { bytes: copy, offset };
    };
    // What one flipped bit makes of a byte as well is counted there.
    const setTo = (value: number) => (offset: number) =>
      isPowerOfTwo(bytes[offset]! ^ value) ? undefined : withByte(offset, value);
    return [
      family("bit flipped", path, 8 * bytes.length, (bit) =>
        withByte(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7))),
      ),
      family("byte to 00", path, bytes.length, setTo(0x00)),
      family("byte to ff", path, bytes.length, setTo(0xff)),
      family("file cut", path, bytes.length, (length) => ({ bytes: bytes.subarray(0, length) })),
    ];
  }

  function sectorwise(path: string, bytes: Buffer): Family[] {
    const count = sectorsOf(bytes);
    return [
      family("sector zeroed", path, count, (sector) => ({ bytes: withSector(bytes, sector, empty) })),
      family("sectors swapped", path, count - 1, (sector) => {
        // The last one may be shorter: so many bytes of the one before it change places with it.
        const at = sector * sectorBytes;
        const length = Math.min(sectorBytes, bytes.length - at - sectorBytes);
        const copy = Buffer.from(bytes);
        bytes.copy(copy, at, at + sectorBytes, at + sectorBytes + length);
        bytes.copy(copy, at + sectorBytes, at, at + length);
        return { bytes: copy };
      }),
    ];
  }

  function ofThePast(path: string, bytes: Buffer, past: Buffer): Family[] {
    return [
      family("sector of its past", path, sectorsOf(bytes), (sector) => ({
        bytes: withSector(bytes, sector, past),
      })),
      family("file of its past", path, 1, () => ({ bytes: past })),
    ];
  }
}

const empty = Buffer.alloc(0);
const sectorsOf = (bytes: Buffer) => Math.ceil(bytes.length / sectorBytes);
const kindOf = (path: string) => extname(path);
const isPowerOfTwo = (bits: number) => bits !== 0 && (bits & (bits - 1)) === 0;

/** One sector is what another file has there, with zeros behind that file's end. */
function withSector(bytes: Buffer, sector: number, source: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const start = sector * sectorBytes;
  const end = Math.min(start + sectorBytes, bytes.length);
  copy.fill(0, start, end);
  source.copy(copy, start, Math.min(start, source.length), Math.min(end, source.length));
  return copy;
}
