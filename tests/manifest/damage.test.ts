import { describe, expect, test } from "bun:test";
import { ManifestCorruptionError } from "../../src/manifest/errors.ts";
import { openManifest } from "../../src/manifest/manifest.ts";
import { readManifest, type ManifestReading } from "../../src/manifest/read-manifest.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import type { MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  describeState,
  diskWith,
  edit,
  filesOf,
  manifestDirectory,
  rejectionOf,
  withBitFlipped,
  withFile,
} from "./manifest-fixture.ts";
import { firstName, writeManifest } from "./written-manifest.ts";

/**
 * Damage to any bit of what was announced is refused, with the place. Any other length shows what was said up to
 * there, with the place of what is left of an edit.
 */

const { files, bytes, places, states } = await writeManifest();
const endOf = ({ offset, bytes: length }: (typeof places)[number]) => offset + length;
const path = `${manifestDirectory}/${firstName}`;
/** Where the last seal begins: behind it lies nothing that vouches for it, and nothing that it is needed for. */
const lastSeal = endOf(places.at(-1)!);

/** Where the header, each edit and each seal begins. */
const units = [0, places[0]!.offset, ...places.slice(1).flatMap((place) => [place.offset, endOf(place)])];
const unitAt = (offset: number) => units.findLast((start) => start <= offset)!;

type Outcome = { refusedAt: number } | { state: string; tornAt: number | undefined };

function outcomeOf(read: () => Pick<ManifestReading, "state" | "torn">): Outcome {
  try {
    const { state, torn } = read();
    return { state: describeState(state), tornAt: torn?.offset };
  } catch (error) {
    if (!(error instanceof ManifestCorruptionError)) throw error;
    expect(error.file).toBe(path);
    return { refusedAt: error.offset };
  }
}

const outcomeOn = (disk: FileSystem) => outcomeOf(() => readManifest(disk, manifestDirectory)!);

/** What must come of damage to this byte. */
function expectedAt(offset: number): Outcome {
  return offset < lastSeal ? { refusedAt: unitAt(offset) } : { state: states.at(-1)!, tornAt: lastSeal };
}

/** Opens it for good: a refusal changes nothing, and what is opened can be edited and opened again. */
async function expectOpened(disk: MemoryFileSystem, expected: Outcome): Promise<void> {
  const before = filesOf(disk);
  if ("refusedAt" in expected) {
    const error = await rejectionOf(openManifest(disk, manifestDirectory));
    expect(error).toBeInstanceOf(ManifestCorruptionError);
    expect(filesOf(disk)).toEqual(before);
    return;
  }
  const manifest = (await openManifest(disk, manifestDirectory))!;
  expect(outcomeOf(() => manifest)).toEqual(expected);
  await manifest.apply(edit(manifest.state, { coveredSeq: 99 }));
  const again = (await openManifest(disk, manifestDirectory))!;
  expect(describeState(again.state)).toBe(describeState(manifest.state));
}

describe("damage to a manifest is named by its place, and never silent:", () => {
  test("every single bit, and every byte of zeros or ones", async () => {
    const disk = await diskWith(files);
    const file = disk.open(path);
    for (const [offset, original] of bytes.entries()) {
      const flips = Array.from({ length: 8 }, (_, bit) => original ^ (1 << bit));
      for (const value of new Set([...flips, 0x00, 0xff])) {
        if (value === original) continue;
        file.write(Buffer.from([value]), offset);
        const outcome = outcomeOn(disk);
        if (!Bun.deepEquals(outcome, expectedAt(offset))) {
          expect({ offset, value, outcome }).toEqual({ offset, value, outcome: expectedAt(offset) });
        }
      }
      file.write(Buffer.from([original]), offset);
    }
    expect(outcomeOn(disk)).toEqual({ state: states.at(-1)!, tornAt: undefined });
  });

  test("one flipped bit in any byte, when it is opened for good", async () => {
    for (let offset = 0; offset < bytes.length; offset++) {
      const damaged = withBitFlipped(bytes, offset, (offset * 5) % 8);
      await expectOpened(await diskWith(withFile(files, firstName, damaged)), expectedAt(offset));
    }
  });

  test("every length: what is left of it is what was said up to there, and the place of what is not whole", async () => {
    for (let length = 0; length < bytes.length; length++) {
      const disk = await diskWith(withFile(files, firstName, bytes.subarray(0, length)));
      const whole = places.findLastIndex((place) => endOf(place) <= length);
      // A cut where an edit or a seal ends leaves what was a whole manifest once.
      const tornAt = units.includes(length) ? undefined : unitAt(length);
      const expected: Outcome =
        whole === -1
          ? { refusedAt: length < places[0]!.offset ? 0 : places[0]!.offset }
          : { state: states[whole]!, tornAt };
      expect({ length, outcome: outcomeOn(disk) }).toEqual({ length, outcome: expected });
      await expectOpened(disk, expected);
    }
  });

  test("zeros, ones or another place's bytes in every 16 bytes before the last seal", async () => {
    const disk = await diskWith(files);
    const file = disk.open(path);
    for (let start = 0; start + 16 <= lastSeal; start += 4) {
      for (const content of [Buffer.alloc(16), Buffer.alloc(16, 0xff), bytes.subarray(64, 80)]) {
        if (content.equals(bytes.subarray(start, start + 16))) continue;
        file.write(content, start);
        const isRefused = "refusedAt" in outcomeOn(disk);
        if (!isRefused) throw new Error(`16 bytes changed at ${start}, and nobody noticed`);
      }
      file.write(bytes.subarray(start, start + 16), start);
    }
  });

  test("edits that changed places, or stand there twice, or are missing", async () => {
    const [state, ...edits] = places.map((place, index) =>
      bytes.subarray(place.offset, places[index + 1]?.offset ?? bytes.length),
    ) as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const [one, two, three, four] = edits as [Buffer, Buffer, Buffer, Buffer];
    const orders: Record<string, [order: Buffer[], wholeEdits: number | "refused"]> = {
      "two that changed places": [[state, two, one, three, four], "refused"],
      "one that is there twice": [[state, one, one, two, three, four], 1],
      "one that is missing": [[state, one, three, four], 1],
      "all of them twice": [[state, one, two, three, four, one, two, three, four], 4],
      "no state": [[one, two, three, four], "refused"],
      "a state that is there twice": [[state, state, one, two, three, four], 0],
    };
    for (const [name, [order, wholeEdits]] of Object.entries(orders)) {
      const content = Buffer.concat([bytes.subarray(0, places[0]!.offset), ...order]);
      const outcome = outcomeOn(await diskWith(withFile(files, firstName, content)));
      const found = "refusedAt" in outcome ? "refused" : states.indexOf(outcome.state);
      expect({ name, found, isNamed: "refusedAt" in outcome || outcome.tornAt !== undefined }).toEqual({
        name,
        found: wholeEdits,
        isNamed: true,
      });
    }
  });

  test("the end of another store's manifest", async () => {
    const other = await writeManifest(new Uint8Array(16).fill(7));
    expect(other.bytes.length).toBe(bytes.length);
    for (const place of units.slice(1)) {
      const mixed = Buffer.concat([bytes.subarray(0, place), other.bytes.subarray(place)]);
      const outcome = outcomeOn(await diskWith(withFile(files, firstName, mixed)));
      const whole = places.findLastIndex((each) => endOf(each) <= place);
      expect(outcome).toEqual(whole === -1 ? { refusedAt: place } : { state: states[whole]!, tornAt: place });
    }
  });
});
