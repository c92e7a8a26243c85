import { expect, test } from "bun:test";
import { randomBelow } from "../../src/lib/random.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { Memtable } from "../../src/memtable/memtable.ts";
import { stagedMax } from "../../src/memtable/staged-writes.ts";
import { forEachSeed } from "../vfs/for-each-seed.ts";

const hashSeed = 11;
const seqBefore = 500;

/** Everything that a reader can learn of a memtable. */
function contentOf(memtable: Memtable): string[] {
  const lines: string[] = [];
  const cursor = memtable.cursor();
  for (let has = cursor.seekStart(false); has; has = cursor.next()) {
    for (let entry = cursor.entry; entry !== -1; entry = memtable.older(entry)) {
      const value = memtable.bytes.toString("latin1", memtable.keyStart(entry), memtable.valueEnd(entry));
      lines.push(`${memtable.version(entry)} ${memtable.isTombstone(entry) ? "-" : value}`);
    }
  }
  return [...lines, `${memtable.entryCount} ${memtable.tombstoneCount} ${memtable.olderCount}`];
}

test("whoever reads a memtable can't tell writes that were staged from others", async () => {
  await forEachSeed(60, (random) => {
    const bytes = Buffer.alloc(256 * 1024);
    const staged = new Memtable({ bytes, seqBefore, hashSeed });
    const plain = new Memtable({ bytes, seqBefore, hashSeed });
    const [stagedCursor, plainCursor] = [staged.cursor(), plain.cursor()];
    const keys = 1 + randomBelow(random, 300);
    const readsRarely = randomBelow(random, 2) === 0;
    let used = 0;
    let version = seqBefore;
    for (let step = 0; step < 3_000; step++) {
      const key = Buffer.from(`k${randomBelow(random, keys)}`);
      const hash = hashKey(key, 0, key.length, hashSeed);
      const what = randomBelow(random, readsRarely ? 200 : 20);
      if (what === 0) {
        const [one, other] = [staged, plain].map((memtable) => memtable.find(hash, key, 0, key.length));
        expect(one).toBe(other!);
      } else if (what === 1) {
        staged.keepVersionsThrough = plain.keepVersionsThrough = version;
      } else if (what === 2) {
        const [one, other] = [stagedCursor, plainCursor].map((cursor) =>
          cursor.seek(key, 0, key.length, step % 2 === 0, true),
        );
        expect(one).toBe(other!);
        expect(stagedCursor.entry).toBe(plainCursor.entry);
      } else if (what === 3) {
        expect(contentOf(staged)).toEqual(contentOf(plain));
      } else {
        key.copy(bytes, used);
        const valueLength = randomBelow(random, 40);
        version++;
        if (what === 4) {
          staged.stageDelete(hash, used, key.length, version);
          plain.delete(hash, used, key.length, version);
        } else if (what === 5) {
          expect(staged.put(hash, used, key.length, valueLength, version)).toBe(
            plain.put(hash, used, key.length, valueLength, version),
          );
        } else {
          staged.stagePut(hash, used, key.length, valueLength, version);
          plain.put(hash, used, key.length, valueLength, version);
        }
        used += key.length + valueLength;
      }
    }
    expect(contentOf(staged)).toEqual(contentOf(plain));
    staged.assertInvariants();
  });
});

test("what is staged is checked at once, and indexed without a reader when there is enough of it", () => {
  const bytes = Buffer.alloc(4096);
  const memtable = new Memtable({ bytes, seqBefore, hashSeed });
  expect(() => memtable.stagePut(0, 0, 1, 0, seqBefore)).toThrow("versions are a little greater");
  expect(() => memtable.stagePut(0, 0, 1, -1, seqBefore + 1)).toThrow("a value's length is in its range");
  const before = memtable.memoryBytes;
  for (let index = 0; index < stagedMax - 1; index++)
    memtable.stagePut(index << 24, index, 1, 0, seqBefore + 1 + index);
  expect(memtable.memoryBytes).toBe(before);
  memtable.stagePut(stagedMax << 24, stagedMax, 1, 0, seqBefore + 1 + stagedMax);
  expect(memtable.memoryBytes).toBeGreaterThan(before);
});
