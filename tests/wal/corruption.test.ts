import { describe, expect, test } from "bun:test";
import { segmentHeaderBytes } from "../../src/wal/format.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import { refusalOf, writeSegments } from "./damaged-log.ts";
import { diskWith, groupOffsets, segmentsOf, withBitFlipped, withFile, type Files } from "./disk-files.ts";
import { logDirectory } from "./log-fixture.ts";

/** Damage that no crash explains is refused by name, with nothing changed: never repaired, never passed over. */

const files = await writeSegments();
const names = segmentsOf(files);
const bytesOf = (name: string) => files.get(name)!;
const lastName = names.at(-1)!;
/** Where the last group begins: damage from here on looks like a torn tail, unless a seal follows. */
const undecidableFrom = groupOffsets(bytesOf(lastName)).at(-1)!;

/** The unit of a segment that a byte belongs to, its header or a group: where it begins, and its first seq. */
function unitAt(name: string, offset: number): { start: number; seq: number } {
  const bytes = bytesOf(name);
  const start = groupOffsets(bytes).findLast((group) => group <= offset);
  if (start === undefined) return { start: 0, seq: Number(bytes.readBigUInt64BE(40)) };
  return { start, seq: Number(bytes.readBigUInt64BE(start + 24)) };
}

/** Every place where one changed byte must be called corruption. */
const places = names.flatMap((name) => {
  const end = name === lastName ? undecidableFrom : bytesOf(name).length;
  return Array.from({ length: end }, (_, offset) => ({ name, offset }));
});

describe("corruption is refused, named by file, offset and seq, with nothing changed:", () => {
  test("one flipped bit in any byte", async () => {
    expect(places.length).toBeGreaterThan(1000);
    for (const { name, offset } of places) {
      const damaged = withBitFlipped(bytesOf(name), offset, (offset * 5) % 8);
      const error = await refusalOf(withFile(files, name, damaged));
      const { start, seq } = unitAt(name, offset);
      expect({ file: error.file, offset: error.offset, seq: error.seq }).toEqual({
        file: `${logDirectory}/${name}`,
        offset: start,
        seq,
      });
      expect(error.message).toContain(`${logDirectory}/${name} at offset ${start} (seq ${seq})`);
      expect(error.message).toContain("nothing was changed");
    }
  });

  test("every single bit, and every byte of zeros or ones", async () => {
    const disk = await diskWith(files);
    for (const name of names) {
      const file = disk.open(`${logDirectory}/${name}`);
      for (const { offset } of places.filter((place) => place.name === name)) {
        const original = bytesOf(name)[offset]!;
        const flips = Array.from({ length: 8 }, (_, bit) => original ^ (1 << bit));
        for (const value of new Set([...flips, 0x00, 0xff])) {
          if (value === original) continue;
          file.write(Buffer.from([value]), offset);
          const { verdict } = surveyLog(disk, logDirectory);
          if (verdict.kind !== "corrupt") expect({ name, offset, value, verdict }).toBe({} as never);
        }
        file.write(Buffer.from([original]), offset);
      }
      file.close();
    }
    expect(surveyLog(disk, logDirectory).verdict.kind).toBe("clean");
  });

  test("a segment with a successor that was cut at any byte", async () => {
    for (const name of names.slice(0, -1)) {
      for (let length = 0; length < bytesOf(name).length; length++) {
        const error = await refusalOf(withFile(files, name, bytesOf(name).subarray(0, length)));
        expect(error.file).toBe(`${logDirectory}/${name}`);
        expect(error.offset).toBeLessThanOrEqual(length);
        expect(error.seq).toBe(unitAt(name, length).seq);
      }
    }
  });

  test("the header of the last segment cut at any byte", async () => {
    for (let length = 0; length < segmentHeaderBytes; length++) {
      const error = await refusalOf(withFile(files, lastName, bytesOf(lastName).subarray(0, length)));
      expect(error).toMatchObject({ file: `${logDirectory}/${lastName}`, offset: 0 });
    }
  });

  test.each<[string, Buffer]>([
    ["a zero", Buffer.alloc(1)],
    ["a sector of zeros", Buffer.alloc(512)],
    ["garbage", Buffer.from("garbage that somebody else wrote")],
    ["a group of its own", bytesOf(names[0]!).subarray(groupOffsets(bytesOf(names[0]!)).at(-1))],
  ])("a sealed segment with more behind it: %s", async (_, appended) => {
    for (const name of names.slice(0, -1)) {
      const error = await refusalOf(withFile(files, name, Buffer.concat([bytesOf(name), appended])));
      expect(error).toMatchObject({ file: `${logDirectory}/${name}`, offset: bytesOf(name).length });
    }
  });

  test("a missing segment, the first as well as one in the middle", async () => {
    for (const name of names.slice(0, -1)) {
      const error = await refusalOf(withFile(files, name, undefined));
      expect(error).toMatchObject({ file: `${logDirectory}/${name}`, offset: 0, seq: unitAt(name, 0).seq });
      expect(error.message).toContain("is missing");
    }
  });

  test("several missing segments", async () => {
    const left: Files = new Map([names[0]!, lastName].map((name) => [name, bytesOf(name)]));
    const error = await refusalOf(left);
    expect(error.message).toContain("is missing");
    expect(error.seq).toBe(unitAt(names[1]!, 0).seq);
  });

  test("swapped segments", async () => {
    for (let first = 0; first < names.length; first++) {
      for (let second = first + 1; second < names.length; second++) {
        const [one, other] = [names[first]!, names[second]!];
        const swapped = withFile(withFile(files, one, bytesOf(other)), other, bytesOf(one));
        expect(await refusalOf(swapped)).toMatchObject({ file: `${logDirectory}/${one}`, offset: 32 });
      }
    }
  });

  test("a segment in another's place, or under a number that comes next", async () => {
    for (const name of names) {
      const copied = withFile(files, "000000000042.wal", bytesOf(name));
      expect(await refusalOf(copied)).toMatchObject({ file: `${logDirectory}/000000000042.wal`, offset: 32 });
    }
  });

  test("a segment of another store, whichever it takes the place of", async () => {
    const others = await writeSegments(2);
    for (const name of names) {
      const error = await refusalOf(withFile(files, name, others.get(name)));
      expect(error.message).toContain("another store");
    }
  });

  test("an older state of a sealed segment", async () => {
    for (const name of names.slice(0, -1)) {
      for (const end of groupOffsets(bytesOf(name))) {
        const error = await refusalOf(withFile(files, name, bytesOf(name).subarray(0, end)));
        expect(error.message).toContain("where its successor says");
      }
    }
  });

  test("groups of one segment that changed places, or a group that stands there twice", async () => {
    for (const name of names.slice(0, -1)) {
      const bytes = bytesOf(name);
      const [first, second, third] = [...groupOffsets(bytes), bytes.length];
      const [one, other] = [bytes.subarray(first, second), bytes.subarray(second, third)];
      for (const groups of [
        [other, one],
        [one, one, other],
        [one, one],
        [other, other],
      ]) {
        const damaged = Buffer.concat([bytes.subarray(0, first), ...groups, bytes.subarray(third)]);
        expect((await refusalOf(withFile(files, name, damaged))).file).toEndWith(name);
      }
    }
  });

  test.each(["notes.txt", "000000000001.wal.bak", "1.wal", "backup.tmp", "000000000001-x.torn"])(
    "a file that no log writes: %s",
    async (name) => {
      const error = await refusalOf(withFile(files, name, Buffer.from("somebody's")));
      expect(error.file).toBe(`${logDirectory}/${name}`);
      expect(error.message).toContain("no log writes a file of this name");
    },
  );

  test("512 bytes of zeros, ones or another place's, in every sector before the last group", async () => {
    for (const name of names) {
      const bytes = bytesOf(name);
      const end = name === lastName ? undecidableFrom : bytes.length;
      for (let start = 0; start < end; start += 64) {
        for (const content of [
          Buffer.alloc(64),
          Buffer.alloc(64, 0xff),
          bytesOf(names[1]!).subarray(96, 160),
        ]) {
          const damaged = Buffer.from(bytes);
          content.copy(damaged, start, 0, Math.min(64, end - start));
          if (!damaged.equals(bytes)) await refusalOf(withFile(files, name, damaged));
        }
      }
    }
  });
});

test("a file of somebody else that hides behind a dot is passed over, and left alone", async () => {
  const disk = await diskWith(withFile(files, ".DS_Store", Buffer.from("x")));
  expect(surveyLog(disk, logDirectory).verdict.kind).toBe("clean");
});
