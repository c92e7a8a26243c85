import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Memtable } from "../../src/memtable/memtable.ts";
import { check } from "./check.ts";
import { anyKey, someKeys } from "./keys.ts";
import { expectedScan, MemtableAndModel, type ModelEntry } from "./memtable-and-model.ts";

const bytes = Buffer.alloc(4 * 1024 * 1024);

/** Snapshots as an engine holds them: the memtable hears of the newest one only. */
class Snapshots {
  readonly #both: MemtableAndModel;
  readonly seqs: number[] = [];

  constructor(both: MemtableAndModel) {
    this.#both = both;
  }

  open(): void {
    this.seqs.push(this.#both.version);
    this.#tell();
  }

  close(index: number): void {
    if (this.seqs.length > 0) this.seqs.splice(index % this.seqs.length, 1);
    this.#tell();
  }

  #tell(): void {
    this.#both.memtable.keepVersionsThrough = Math.max(0, ...this.seqs);
  }
}

/** All versions that the memtable has of a key, newest first. */
function keptVersions(both: MemtableAndModel, key: Buffer): ModelEntry[] {
  const kept: ModelEntry[] = [];
  for (let entry = both.entryOf(key); entry !== -1; entry = both.memtable.older(entry)) {
    kept.push(both.read(entry));
  }
  return kept;
}

function expectSeen(both: MemtableAndModel, versionMax: number): void {
  const seen = both.sortedModelAt(versionMax);
  const cursor = both.memtable.cursor();
  cursor.seekStart(false, versionMax);
  expect(both.rest(cursor)).toEqual(seen);
  cursor.seekStart(true, versionMax);
  expect(both.rest(cursor)).toEqual([...seen].reverse());
  for (const { key } of both.model.values()) {
    const visible = both.memtable.visible(both.entryOf(key), versionMax);
    const expected = seen.find((entry) => entry.key.equals(key));
    expect(visible === -1 ? undefined : both.read(visible)).toEqual(expected!);
  }
}

const write = fc.record({ key: fc.nat(), remove: fc.boolean() });
const snapshotStep = fc.oneof(fc.constant("open" as const), fc.record({ close: fc.nat() }));

describe("a memtable with snapshots", () => {
  test("shows every open snapshot what a list of all versions shows, whatever is written, opened and closed", () => {
    const steps = fc.array(
      fc.oneof({ arbitrary: write, weight: 4 }, { arbitrary: snapshotStep, weight: 1 }),
      {
        maxLength: 80,
      },
    );
    check(fc.tuple(someKeys, steps), 200, ([keys, steps]) => {
      const both = new MemtableAndModel({ bytes });
      const snapshots = new Snapshots(both);
      for (const step of steps) {
        if (step === "open") snapshots.open();
        else if ("close" in step) snapshots.close(step.close);
        else if (step.remove) both.delete(keys[step.key % keys.length]!);
        else both.put(keys[step.key % keys.length]!);
      }
      both.expectAgreement();
      for (const seq of [...new Set(snapshots.seqs), Number.MAX_SAFE_INTEGER]) expectSeen(both, seq);
      let older = 0;
      for (const [name, history] of both.history) {
        const kept = keptVersions(both, Buffer.from(name, "latin1"));
        older += kept.length - 1;
        expect(kept[0]).toEqual(history.at(-1)!);
        expect(kept).toEqual([...history].reverse().filter((entry) => kept.some(isVersionOf(entry))));
      }
      expect(both.memtable.olderCount).toBe(older);
    });
  });

  test("scans a snapshot from any key, both ways, passing over what is younger", () => {
    const scan = fc.record({
      from: fc.oneof(anyKey, fc.nat()),
      reverse: fc.boolean(),
      inclusive: fc.boolean(),
    });
    const writes = fc.array(write, { maxLength: 30 });
    check(fc.tuple(someKeys, writes, writes, fc.array(scan)), 200, ([keys, before, after, scans]) => {
      const both = new MemtableAndModel({ bytes });
      const apply = (writes: typeof before): void => {
        for (const { key, remove } of writes) {
          if (remove) both.delete(keys[key % keys.length]!);
          else both.put(keys[key % keys.length]!);
        }
      };
      apply(before);
      const seq = both.version;
      both.memtable.keepVersionsThrough = seq;
      apply(after);
      const cursor = both.memtable.cursor();
      for (const { from, reverse, inclusive } of scans) {
        const key = typeof from === "number" ? keys[from % keys.length]! : from;
        const expected = expectedScan(both.sortedModelAt(seq), key, reverse, inclusive);
        expect(cursor.seek(key, 0, key.length, reverse, inclusive, seq)).toBe(expected.length > 0);
        expect(both.rest(cursor)).toEqual(expected);
        expect(cursor.next()).toBe(false);
      }
    });
  });

  test("walks over a snapshot exactly, however much is written under way", () => {
    const steps = fc.array(fc.oneof(write, fc.constant("next" as const)), { maxLength: 80 });
    check(fc.tuple(someKeys, fc.boolean(), steps), 200, ([keys, reverse, steps]) => {
      const both = new MemtableAndModel({ bytes });
      for (const key of keys.slice(0, Math.ceil(keys.length / 2))) both.put(key);
      const seq = both.version;
      both.memtable.keepVersionsThrough = seq;
      const expected = both.sortedModelAt(seq);
      const walked: ModelEntry[] = [];
      const cursor = both.memtable.cursor();
      const visit = (): void => {
        if (cursor.entry === -1) return;
        // A write since the cursor moved here may have put a younger version into the entry.
        walked.push(both.read(both.memtable.visible(cursor.entry, seq)));
        cursor.next();
      };
      cursor.seekStart(reverse, seq);
      for (const step of steps) {
        if (step === "next") visit();
        else if (step.remove) both.delete(keys[step.key % keys.length]!);
        else both.put(keys[step.key % keys.length]!);
      }
      while (cursor.entry !== -1) visit();
      expect(walked).toEqual(reverse ? expected.reverse() : expected);
    });
  });

  test("keeps a version once for all snapshots that see it, and none that no snapshot sees", () => {
    const both = new MemtableAndModel({ bytes });
    const snapshots = new Snapshots(both);
    const key = Buffer.from("key");
    const versions = (): number[] => keptVersions(both, key).map((entry) => entry.version);
    both.put(key);
    both.put(key);
    expect(versions()).toEqual([2]);
    snapshots.open();
    snapshots.open();
    both.put(key);
    both.delete(key);
    expect(versions()).toEqual([4, 2]);
    snapshots.open();
    both.put(key);
    both.put(key);
    expect(versions()).toEqual([6, 4, 2]);
    expect(keptVersions(both, key).map((entry) => entry.value === undefined)).toEqual([false, true, false]);
    expect(both.memtable.tombstoneCount).toBe(0);
    for (let count = 0; count < 3; count++) snapshots.close(0);
    both.put(key);
    expect(versions()).toEqual([7, 4, 2]);
    both.memtable.assertInvariants();
  });

  test("keeps all versions when they are older than a snapshot, as in the replay of a sealed segment", () => {
    const both = new MemtableAndModel({ bytes });
    both.memtable.keepVersionsThrough = 1_000;
    const key = Buffer.from("key");
    for (let count = 0; count < 20; count++) both.put(key);
    expect(keptVersions(both, key)).toEqual([...both.history.get("key")!].reverse());
    for (let seq = 0; seq <= 20; seq++) expectSeen(both, seq);
  });

  test("keeps nothing of a batch that writes a key twice: its operations share a version", () => {
    const memtable = new Memtable({ bytes, seqBefore: 0, hashSeed: 0 });
    memtable.keepVersionsThrough = 50;
    memtable.put(7, 0, 1, 0, 9);
    expect(memtable.older(memtable.put(7, 0, 1, 3, 9))).toBe(-1);
    expect(memtable.olderCount).toBe(0);
  });

  test("an older version says the same for ever", () => {
    const both = new MemtableAndModel({ bytes });
    const key = Buffer.from("key");
    const entry = both.put(key);
    both.memtable.keepVersionsThrough = both.version;
    both.put(key);
    const older = both.memtable.older(entry);
    const read = both.read(older);
    for (let count = 0; count < 10; count++) {
      both.memtable.keepVersionsThrough = both.version;
      both.delete(key);
      both.put(key);
    }
    expect(both.read(older)).toEqual(read);
    expect(both.memtable.older(older)).toBe(-1);
  });

  test("stays right when new keys and older versions take chunks in turn, and needs 20 bytes a version", () => {
    const both = new MemtableAndModel({ bytes: Buffer.alloc(16 * 1024 * 1024), entriesExpected: 40_000 });
    const empty = both.memtable.memoryBytes;
    const key = (index: number): Buffer => Buffer.from(`key ${(index * 7_919) % 20_011}`);
    const seqs: number[] = [];
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < 5_000 * (round + 1); index++) both.put(key(index), Buffer.alloc(0));
      seqs.push(both.version);
      both.memtable.keepVersionsThrough = both.version;
    }
    const { memtable } = both;
    expect(memtable.olderCount).toBe(30_000);
    both.expectAgreement();
    // Chunks of 4,096: five of entries, of which four have links, and eight of older versions, with theirs.
    expect(memtable.memoryBytes - empty).toBe(4_096 * (5 * 16 + 4 * 4 + 8 * (16 + 4)));
    for (const seq of seqs) {
      const cursor = memtable.cursor();
      cursor.seekStart(false, seq);
      const seen = both.sortedModelAt(seq);
      for (const { version } of seen) {
        expect(memtable.version(cursor.entry)).toBe(version);
        cursor.next();
      }
      expect(cursor.entry).toBe(-1);
    }
    memtable.assertInvariants();
  });

  test("needs no memory for versions while there is no snapshot", () => {
    const both = new MemtableAndModel({ bytes });
    for (let index = 0; index < 1_000; index++) both.put(Buffer.from(`key ${index}`));
    const before = both.memtable.memoryBytes;
    for (let index = 0; index < 10_000; index++) both.put(Buffer.from(`key ${index % 1_000}`));
    expect(both.memtable.memoryBytes).toBe(before);
    expect(both.memtable.olderCount).toBe(0);
  });
});

function isVersionOf(entry: ModelEntry): (other: ModelEntry) => boolean {
  return (other) => other.version === entry.version;
}
