import { expect, test } from "bun:test";
import fc from "fast-check";
import { snapshotWanted, unconditional } from "../../src/engine/store.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { MemoryFileSystem, type CrashOptions } from "../../src/vfs/memory.ts";
import { EngineDriver } from "./engine-driver.ts";
import { StoreModel } from "./store-model.ts";

/**
 * One engine and one plain model do the same random things, restarts and crashes included, and must be equal at
 * every step. After a crash the engine may have lost a suffix of what was not acknowledged: the model goes back to
 * the seq that the engine came up with, which must not lie below anything acknowledged or observed.
 *
 * FAST_CHECK_RUNS=10000 STEPS_MIN=100 runs more and longer ones; a failure prints the seed and path with which
 * fast-check repeats it.
 */
type Step =
  | { do: "put" | "delete"; key: string; value: string; condition: "none" | "right" | "wrong" | "absent" }
  | { do: "batch"; keys: string[]; value: string }
  | { do: "get"; key: string }
  | { do: "getMany"; keys: string[] }
  | { do: "scan"; start: string; end: string; prefix: string; reverse: boolean; limit: number }
  | { do: "openSnapshot" }
  | { do: "closeSnapshot" | "scanSnapshot"; which: number; reverse: boolean; limit: number }
  | { do: "getSnapshot"; which: number; key: string }
  | { do: "beginScan"; prefix: string; reverse: boolean }
  | { do: "endScan"; which: number }
  | { do: "checkpoint" }
  | { do: "compact" }
  | { do: "acknowledge" }
  | { do: "restart" }
  | { do: "crash"; unsynced: "kept" | "lost" | "mixed"; seed: number };

// Few keys, so that they meet again; some that are prefixes of others; bytes at both ends of the order.
const keys = fc.constantFrom(
  "a",
  "aa",
  "aaa",
  "ab",
  "b",
  "b\x00",
  "b\xff",
  "c",
  "\x00",
  "\xff",
  "\xff\xff",
  "k".repeat(70),
);
const values = fc.oneof(
  fc.constant(""),
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, "?")),
);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("put" as const, "delete" as const),
      key: keys,
      value: values,
      condition: fc.constantFrom(
        "none" as const,
        "none" as const,
        "right" as const,
        "wrong" as const,
        "absent" as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("batch" as const),
      keys: fc.array(keys, { minLength: 1, maxLength: 6 }),
      value: values,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("get" as const), key: keys }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("getMany" as const),
      keys: fc.array(keys, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("scan" as const),
      start: fc.oneof(fc.constant(""), keys),
      end: fc.oneof(fc.constant(""), keys),
      prefix: fc.constantFrom("", "a", "b", "\xff"),
      reverse: fc.boolean(),
      limit: fc.nat(4),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "openSnapshot" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("closeSnapshot" as const, "scanSnapshot" as const, "scanSnapshot" as const),
      which: fc.nat(5),
      reverse: fc.boolean(),
      limit: fc.nat(4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("getSnapshot" as const), which: fc.nat(5), key: keys }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("beginScan" as const),
      prefix: fc.constantFrom("", "a", "b"),
      reverse: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("endScan" as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: "checkpoint" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "compact" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "acknowledge" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      unsynced: fc.constantFrom("kept" as const, "lost" as const, "mixed" as const),
      seed: fc.nat(),
    }),
  },
);

/** A scan that was begun, and will be ended after other things have happened. */
interface BegunScan {
  words: { prefix: string; reverse: boolean };
  found: [string, string | undefined][];
  snapshotId: number;
  after: string;
  seq: number;
}

/** The engine under test, its disk, and what it must be equal to. */
class Pair {
  disk = new MemoryFileSystem();
  readonly model = new StoreModel();
  db!: EngineDriver;
  #snapshots: { id: number; seq: number }[] = [];
  #scans: BegunScan[] = [];

  /** Everything is so small that flushes, compactions and manifests follow on each other's heels. */
  async open(): Promise<void> {
    this.db = await EngineDriver.open(this.disk, {
      segmentBytesMax: 512,
      tableBytesMax: 600,
      levelBytesBase: 2_000,
      manifestBytesMax: 4_096,
      cacheBytesMax: 8_192,
      pageEntriesMax: 3,
      sealDelayMs: 5,
    });
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "put":
      case "delete":
        return this.#write(step);
      case "batch": {
        const operations = step.keys.map((key, index) =>
          index % 3 === 2 ? { key } : { key, value: step.value },
        );
        const { version } = this.db.batch(operations);
        this.model.apply(version!, operations);
        expect(version).toBe(this.model.currentSeq);
        return;
      }
      case "get": {
        const { version, value, visibleAt } = this.db.get(step.key);
        const expected = this.model.get(step.key);
        expect({ version, value }).toEqual(expected ?? { version: 0, value: undefined });
        return this.#observed(visibleAt);
      }
      case "getMany": {
        const { entries, more, visibleAt } = this.db.getMany(step.keys);
        const answered = step.keys.slice(0, entries!.length);
        expect(more).toBe(answered.length < step.keys.length);
        expect(answered.length).toBeGreaterThan(0);
        expect(entries!.map(([, value]) => value)).toEqual(answered.map((key) => this.model.get(key)?.value));
        return this.#observed(visibleAt);
      }
      case "scan": {
        const { start, end, prefix, reverse, limit } = step;
        const words = {
          ...(start && { start }),
          ...(end && { end }),
          ...(prefix && { prefix }),
          reverse,
          limit,
        };
        expect(this.db.all(words)).toEqual(this.model.scan(words));
        return;
      }
      case "openSnapshot": {
        const { snapshotId, seq, visibleAt } = this.db.openSnapshot();
        this.#snapshots.push({ id: snapshotId!, seq: seq! });
        return this.#observed(visibleAt);
      }
      case "closeSnapshot": {
        const [snapshot] = this.#snapshots.splice(step.which, 1);
        if (snapshot === undefined) return;
        this.db.closeSnapshot(snapshot.id);
        return this.#expectExpired(snapshot.id);
      }
      case "scanSnapshot": {
        const snapshot = this.#snapshots[step.which];
        if (snapshot === undefined) return;
        const { reverse, limit } = step;
        const found = this.db.all({ reverse, limit }, snapshot.id);
        expect(found).toEqual(this.model.scan({ reverse }, snapshot.seq));
        return;
      }
      case "getSnapshot": {
        const snapshot = this.#snapshots[step.which];
        if (snapshot === undefined) return;
        const { version, value, visibleAt } = this.db.get(step.key, snapshot.id);
        const expected = this.model.get(step.key, snapshot.seq);
        expect({ version, value }).toEqual(expected ?? { version: 0, value: undefined });
        return this.#observed(visibleAt);
      }
      case "beginScan":
        return this.#beginScan(step);
      case "endScan": {
        const [scan] = this.#scans.splice(step.which, 1);
        if (scan !== undefined) this.#endScan(scan);
        return;
      }
      case "checkpoint": {
        const { lastVersion } = this.model;
        expect(await this.db.checkpoint()).toBeGreaterThanOrEqual(lastVersion);
        return;
      }
      case "compact":
        return this.db.compact();
      case "acknowledge":
        return this.db.acknowledged(this.db.engine.currentSeq);
      case "restart":
        await this.db.engine.close();
        await this.open();
        return this.#forgetSnapshots();
      case "crash":
        return this.#crash(
          step.unsynced === "mixed" ? { random: seededRandom(step.seed) } : { unsynced: step.unsynced },
        );
    }
  }

  #write(step: Extract<Step, { do: "put" | "delete" }>): void {
    const { key, value } = step;
    const held = this.model.get(key)?.version ?? 0;
    const ifVersion = { none: unconditional, right: held, wrong: held + 1, absent: 0 }[step.condition];
    const answer = step.do === "put" ? this.db.put(key, value, ifVersion) : this.db.delete(key, ifVersion);
    const holds = ifVersion === unconditional || ifVersion === held;
    if (!holds) {
      expect(answer.refusal).toMatchObject({ code: "CONFLICT", actualVersion: held });
      return;
    }
    this.model.apply(answer.version!, [step.do === "put" ? { key, value } : { key }]);
    expect(answer.version).toBe(this.model.currentSeq);
  }

  #beginScan({ prefix, reverse }: BegunScan["words"]): Promise<void> {
    const words = { prefix, reverse };
    const { entries, more, snapshotId, visibleAt } = this.db.scan(words, snapshotWanted);
    expect(snapshotId !== 0).toBe(more!);
    const found = entries!.flatMap(([key, value, version]): BegunScan["found"] =>
      version > 0 ? [[key, value]] : [],
    );
    const seq = this.model.currentSeq;
    if (more) this.#scans.push({ words, found, snapshotId: snapshotId!, after: entries!.at(-1)![0], seq });
    else expect(found).toEqual(this.model.scan(words));
    return this.#observed(visibleAt);
  }

  /** All pages show the state of the first, and with the last one its snapshot is gone. */
  #endScan({ words, found, snapshotId, after, seq }: BegunScan): void {
    for (;;) {
      const { entries, more } = this.db.scan({ ...words, after }, snapshotId);
      for (const [key, value, version] of entries!) if (version > 0) found.push([key, value]);
      if (!more) break;
      after = entries!.at(-1)![0];
    }
    expect(found).toEqual(this.model.scan(words, seq));
    this.#expectExpired(snapshotId);
  }

  /** No snapshot outlives the process. */
  #forgetSnapshots(): void {
    for (const { id } of this.#snapshots.splice(0)) this.#expectExpired(id);
    for (const { snapshotId } of this.#scans.splice(0)) this.#expectExpired(snapshotId);
  }

  #expectExpired(snapshotId: number): void {
    expect(this.db.get("a", snapshotId).refusal).toMatchObject({ code: "SNAPSHOT_EXPIRED" });
  }

  /** Whoever is shown something has waited for it: from then on no crash may take it back. */
  async #observed(visibleAt: number): Promise<void> {
    await this.db.acknowledged(visibleAt);
  }

  async #crash(options: CrashOptions): Promise<void> {
    const { ackableSeq, currentSeq } = this.db.engine;
    const before = this.db;
    this.disk = this.disk.crash(options);
    await this.open();
    const recovered = this.db.engine.currentSeq;
    expect(recovered).toBeGreaterThanOrEqual(ackableSeq);
    // One more at the most: the new process may have begun a segment, with a CHECKPOINT, to seal a full one.
    expect(recovered).toBeLessThanOrEqual(currentSeq + 1);
    this.model.goBackTo(Math.min(recovered, currentSeq));
    this.#forgetSnapshots();
    expect(this.db.all()).toEqual(this.model.scan({}));
    await before.engine.close();
  }
}

test(
  "the engine equals a plain model through writes, snapshots, flushes, compactions, restarts and crashes",
  async () => {
    const runs = Number(process.env.FAST_CHECK_RUNS ?? 150);
    const stepsMin = Number(process.env.STEPS_MIN ?? 1);
    const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };
    let stepCount = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { minLength: stepsMin, maxLength: stepsMin + 120, size: "max" }),
        async (script) => {
          const pair = new Pair();
          await pair.open();
          for (const step of script) await pair.step(step);
          stepCount += script.length;
          expect(pair.db.all()).toEqual(pair.model.scan({}));
          await pair.db.engine.close();
        },
      ),
      { numRuns: runs, ...seed },
    );
    if (process.env.FAST_CHECK_RUNS !== undefined)
      console.log(`${runs} runs, ${stepCount} steps, 0 differences`);
  },
  { timeout: 3_600_000 },
);
