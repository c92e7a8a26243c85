import { expect, test } from "bun:test";
import fc from "fast-check";
import { unconditional } from "../../src/engine/store.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { MemoryFileSystem, type CrashOptions } from "../../src/vfs/memory.ts";
import { EngineDriver } from "./engine-driver.ts";
import { StoreModel } from "./store-model.ts";

/**
 * One engine and one plain model do the same random things, restarts and crashes included, and must be equal at
 * every step. After a crash the engine may have lost a suffix of what was not acknowledged: the model goes back to
 * the seq that the engine came up with, which must not lie below anything acknowledged or observed.
 *
 * FAST_CHECK_RUNS=10000 runs more; a failure prints the seed and path with which fast-check repeats it.
 */
type Step =
  | { do: "put" | "delete"; key: string; value: string; condition: "none" | "right" | "wrong" | "absent" }
  | { do: "batch"; keys: string[]; value: string }
  | { do: "get"; key: string }
  | { do: "getMany"; keys: string[] }
  | { do: "scan"; start: string; end: string; prefix: string; reverse: boolean; limit: number }
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

/** The engine under test, its disk, and what it must be equal to. */
class Pair {
  disk = new MemoryFileSystem();
  readonly model = new StoreModel();
  db!: EngineDriver;

  async open(): Promise<void> {
    this.db = await EngineDriver.open(this.disk, { segmentBytesMax: 512, sealDelayMs: 5 });
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
        const { entries, visibleAt } = this.db.getMany(step.keys);
        expect(entries!.map(([, value]) => value)).toEqual(
          step.keys.map((key) => this.model.get(key)?.value),
        );
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
      case "acknowledge":
        return this.db.acknowledged(this.db.engine.currentSeq);
      case "restart":
        await this.db.engine.close();
        return this.open();
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
    expect(recovered).toBeLessThanOrEqual(currentSeq);
    this.model.goBackTo(recovered);
    expect(this.db.all()).toEqual(this.model.scan({}));
    await before.engine.close();
  }
}

test(
  "the engine equals a plain model through writes, reads, restarts and crashes",
  async () => {
    const runs = Number(process.env.FAST_CHECK_RUNS ?? 150);
    const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 120, size: "max" }), async (script) => {
        const pair = new Pair();
        await pair.open();
        for (const step of script) await pair.step(step);
        expect(pair.db.all()).toEqual(pair.model.scan({}));
        await pair.db.engine.close();
      }),
      { numRuns: runs, ...seed },
    );
  },
  { timeout: 3_600_000 },
);
