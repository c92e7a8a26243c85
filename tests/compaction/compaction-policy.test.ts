import { describe, expect, test } from "bun:test";
import {
  isSettled,
  idleCopyMax,
  pickCompaction,
  pickIdle,
  pickManual,
  type PolicyOptions,
} from "../../src/compaction/compaction-policy.ts";
import { baseLevel, levelTargets } from "../../src/compaction/level-targets.ts";
import { bytesOf, levelsOf, separateGroups } from "../../src/compaction/levels.ts";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { withSeed } from "../support/seeds.ts";
import { entryBytes, keyOf, PolicySimulation, plainTable, type PlainTable } from "./policy-simulation.ts";

const tableEntries = 64;
const flushes = 500;

/** Loads: which key is written next. */
type Load = (random: Random) => () => number;

const loads: Record<string, { load: Load; writeAmplificationMax: number; spaceAmplificationMax: number }> = {
  "keys at random, each new": {
    load: (random) => () => random.uint32() * 2 ** 20 + (random.uint32() >>> 12),
    writeAmplificationMax: 12,
    spaceAmplificationMax: 1.01,
  },
  "keys at random, overwritten again and again": {
    load: (random) => () => randomBelow(random, tableEntries * 80),
    writeAmplificationMax: 9,
    spaceAmplificationMax: 1.25,
  },
  "four of five writes to a tenth of the keys": {
    load: (random) => () => randomBelow(random, tableEntries * (randomBelow(random, 5) > 0 ? 40 : 400)),
    writeAmplificationMax: 10,
    spaceAmplificationMax: 1.2,
  },
  "ascending keys": {
    load: () => {
      let key = 0;
      return () => ++key;
    },
    writeAmplificationMax: 1,
    spaceAmplificationMax: 1,
  },
  "keys that ascend in sixteen places": {
    load: (random) => {
      const next = Array.from({ length: 16 }, (_, index) => index * 1e9);
      return () => next[randomBelow(random, 16)]!++;
    },
    writeAmplificationMax: 9,
    spaceAmplificationMax: 1.01,
  },
};

describe("after 500 flushes", () => {
  for (const [name, { load, writeAmplificationMax, spaceAmplificationMax }] of Object.entries(loads)) {
    test(`of ${name}, levels are bounded and nothing newer lies below anything older`, () =>
      withSeed((random) => {
        const simulation = new PolicySimulation(tableEntries);
        const nextKey = load(random);
        for (let flush = 0; flush < flushes; flush++) {
          const keys = new Set<number>();
          while (keys.size < tableEntries) keys.add(nextKey());
          simulation.flush(keys);
          simulation.settle();
          if (flush % 50 === 49) simulation.assertInvariants();
        }
        const { levels, options } = simulation;
        expect(levels[0]!.length).toBeLessThan(options.levelZeroTablesMax);
        const targets = levelTargets(levels, options);
        for (let level = 1; level < levels.length; level++) {
          expect(bytesOf(levels[level]!)).toBeLessThanOrEqual(targets[level]!);
        }
        expect(simulation.writeAmplification).toBeLessThanOrEqual(writeAmplificationMax);
        expect(simulation.spaceAmplification).toBeLessThanOrEqual(spaceAmplificationMax);
        expect(simulation.largestJobEntries).toBeLessThanOrEqual(40 * tableEntries);
        if (process.env["REPORT"] === "1") {
          const { writeAmplification, spaceAmplification, merges, moves } = simulation;
          const sizes = levels.map((tables) => Math.round(bytesOf(tables) / options.tableBytesMax)).join("/");
          console.log(name, { writeAmplification, spaceAmplification, merges, moves, sizes });
        }
      }));
  }

  test("of ascending keys, nothing was copied", () => {
    const simulation = new PolicySimulation(tableEntries);
    for (let flush = 0; flush < flushes; flush++) {
      simulation.flush(Array.from({ length: tableEntries }, (_, index) => flush * tableEntries + index));
      simulation.settle();
    }
    expect(simulation.merges).toBe(0);
    expect(simulation.levels[0]).toEqual([]);
  });

  test("that were tiny, they were merged among themselves before they cost the levels below anything", () =>
    withSeed((random) => {
      const simulation = new PolicySimulation(tableEntries);
      simulation.flush(Array.from({ length: 40 * tableEntries }, (_, index) => index * 1000));
      simulation.settle();
      simulation.writtenEntries = simulation.flushedEntries = 0;
      for (let flush = 0; flush < flushes; flush++) {
        simulation.flush([0, 1].map(() => randomBelow(random, 40 * tableEntries * 1000)));
        simulation.settle();
        expect(simulation.levels[0]!.length).toBeLessThan(8);
      }
      simulation.assertInvariants();
      // Every eight flushes with all that they overlap would be more than a hundred times what was written.
      expect(simulation.writeAmplification).toBeLessThan(60);
    }));
});

describe("deletes", () => {
  const deleted = (options: Partial<PolicyOptions> = {}) => {
    const simulation = new PolicySimulation(tableEntries, options);
    const keys = Array.from({ length: 30 * tableEntries }, (_, index) => index);
    for (const isDelete of [false, true]) {
      for (let start = 0; start < keys.length; start += tableEntries) {
        simulation.flush(keys.slice(start, start + tableEntries), isDelete);
        simulation.settle();
      }
    }
    return simulation;
  };

  test("of everything leave nothing once the store is idle", () => {
    const simulation = deleted();
    simulation.options.isIdle = true;
    simulation.settle();
    simulation.assertInvariants();
    expect(simulation.entryCount).toBe(0);
  });

  test("that a snapshot may need stay, and the policy comes to an end", () => {
    const simulation = deleted({ oldestSnapshotSeq: 1, isIdle: true });
    simulation.assertInvariants();
    expect(simulation.levels.flat().some((table) => table.tombstoneCount > 0)).toBe(true);
  });

  test("of which half of a table consists go down although no level is full", () => {
    const simulation = new PolicySimulation(tableEntries);
    const { options } = simulation;
    const keys = Float64Array.from({ length: tableEntries }, (_, index) => index);
    const half = keys.map((key) => (key % 2 === 0 ? -1000 - key : 1000 + key));
    const table = plainTable(1, 5, keys, half);
    const below = Array.from({ length: 20 }, (_, index) => {
      const others = keys.map((key) => key + index * 1000);
      return plainTable(
        2 + index,
        6,
        others,
        others.map(() => 1),
      );
    });
    const down = pickCompaction(levelsOf([table, ...below], 7), options);
    expect(down).toMatchObject({ reason: "tombstones", level: 5, outputLevel: 6, isMove: false });
    expect(down!.overlapping).toEqual([below[0]!]);
    const last = pickCompaction(levelsOf([{ ...table, level: 6 }], 7), options);
    expect(last).toMatchObject({ reason: "tombstones", level: 6, outputLevel: 6, isMove: false, deeper: [] });
    const seenBySnapshot = { ...options, oldestSnapshotSeq: 1000 };
    expect(pickCompaction(levelsOf([{ ...table, level: 6 }], 7), seenBySnapshot)).toBeUndefined();
  });
});

describe("a manual compaction", () => {
  test("brings every key into one level, in steps of a bounded size", () =>
    withSeed((random) => {
      const simulation = new PolicySimulation(tableEntries);
      for (let flush = 0; flush < 200; flush++) {
        const keys = Array.from({ length: tableEntries }, () => randomBelow(random, 60 * tableEntries));
        simulation.flush(new Set(keys), flush % 5 === 4);
        simulation.settle();
      }
      simulation.largestJobEntries = 0;
      simulation.settle(() => pickManual(simulation.levels, simulation.options));
      simulation.assertInvariants();
      expect(simulation.levels.filter((level) => level.length > 0).length).toBe(1);
      expect(simulation.entryCount).toBe(simulation.liveCount);
      expect(simulation.largestJobEntries).toBeLessThanOrEqual(60 * tableEntries);
      expect(isSettled(simulation.levels, simulation.options)).toBe(true);
    }));

  test("ends although others go on writing", () =>
    withSeed((random) => {
      const simulation = new PolicySimulation(tableEntries);
      const flush = () =>
        simulation.flush(
          new Set(Array.from({ length: tableEntries }, () => randomBelow(random, 200 * tableEntries))),
        );
      for (let count = 0; count < 300; count++) {
        flush();
        simulation.settle();
      }
      const throughSeq = simulation.lastVersion;
      let steps = 0;
      simulation.settle(() => {
        const compaction = pickManual(simulation.levels, simulation.options, throughSeq);
        if (compaction !== undefined && steps++ < 1000) flush();
        return compaction;
      });
      simulation.assertInvariants();
      expect(steps).toBeLessThan(1000);
      const above = simulation.levels.slice(0, -1).flat();
      expect(above.every((table) => table.versionMin > throughSeq)).toBe(true);
    }));
});

describe("a choice", () => {
  const { options } = new PolicySimulation(tableEntries);
  let version = 0;
  const table = (number: number, level: number, first: number, last: number, entries = tableEntries) => {
    const keys = Float64Array.from(
      { length: entries },
      (_, index) => first + ((last - first) * index) / (entries - 1),
    );
    return plainTable(
      number,
      level,
      keys,
      keys.map(() => ++version),
    );
  };
  const pick = (tables: PlainTable[], changed: Partial<PolicyOptions> = {}, cursors: Uint8Array[] = []) =>
    pickCompaction(levelsOf(tables, 7), { ...options, ...changed }, cursors);
  const numbers = (tables: readonly PlainTable[] = []) => tables.map(({ number }) => number);

  test("moves a level-0 table that overlaps nothing, and no small one", () => {
    expect(pick([table(1, 0, 0, 9)])).toMatchObject({ level: 0, outputLevel: 6, isMove: true });
    expect(pick([table(1, 0, 0, 9, 8)])).toBeUndefined();
    expect(pick([table(1, 0, 0, 9), table(2, 0, 9, 10)])).toBeUndefined();
    expect(pick([table(1, 6, 5, 6), table(2, 0, 0, 9)])).toBeUndefined();
  });

  test("of level 0 takes tables that overlap each other, the newest first, with all they overlap below", () => {
    const below = [table(11, 6, 0, 10), table(12, 6, 20, 30), table(13, 6, 40, 50), table(14, 6, 60, 70)];
    const zero = [0, 1, 2, 3, 4, 5].map((step) => table(20 + step, 0, 15 + step, 25 + 3 * step));
    const apart = [table(30, 0, 62, 63), table(31, 0, 64, 65)];
    const compaction = pick([...zero.slice(0, 3), ...apart, ...zero.slice(3), ...below]);
    expect(numbers(compaction?.inputs)).toEqual([25, 24, 23, 22, 21, 20]);
    expect(numbers(compaction?.overlapping)).toEqual([12, 13]);
    expect(compaction).toMatchObject({ level: 0, outputLevel: 6, isMove: false, deeper: [] });
  });

  test("of an idle store takes level 0 however few there are, unless it would copy far more than it brings down", () => {
    const below = Array.from({ length: 2 * idleCopyMax + 1 }, (_, index) =>
      table(50 + index, 6, index, index + 1),
    );
    const zero = [table(1, 0, 0, 50), table(2, 0, 10, 20)];
    const pickWhenIdle = (tables: PlainTable[]) => pickIdle(levelsOf(tables, 7), options);
    expect(pick([...zero, ...below.slice(1)])).toBeUndefined();
    const compaction = pickWhenIdle([...zero, ...below.slice(1)]);
    expect(numbers(compaction?.inputs)).toEqual([2, 1]);
    expect(compaction).toMatchObject({ reason: "idle", level: 0, outputLevel: 6 });
    expect(pickWhenIdle([...zero, ...below])).toBeUndefined();
    expect(pickWhenIdle([zero[0]!, ...below.slice(0, 1)])).toBeUndefined();
    expect(pickWhenIdle(below)).toBeUndefined();
  });

  test("merges small tables of level 0 among themselves, but not with larger ones that are older", () => {
    const large = table(1, 0, 0, 100);
    const small = [2, 3, 4, 5, 6, 7, 8].map((number) => table(number, 0, 0, 100, 4));
    const compaction = pick([...small, large, table(9, 6, 50, 60)]);
    expect(numbers(compaction?.inputs)).toEqual([8, 7, 6, 5, 4, 3, 2]);
    expect(compaction).toMatchObject({ outputLevel: 0, isMove: false });
    // What is older, in level 0 or below, may hold what a tombstone hides.
    const { deeper } = compaction!;
    expect(deeper).toEqual([
      [{ firstKey: keyOf(50), lastKey: keyOf(60) }],
      [{ firstKey: keyOf(0), lastKey: keyOf(100) }],
    ]);
  });

  test("does not part small tables whose ages interleave, as those of one flush do", () => {
    const ages = (number: number, first: number, ...versions: number[]) =>
      plainTable(number, 0, Float64Array.of(first, first + 1), Float64Array.from(versions));
    const twins = [ages(1, 0, 1, 4), ages(2, 2, 2, 3)];
    const newer = [3, 4, 5, 6, 7, 8].map((number) => ages(number, 0, number * 10, number * 10 + 1));
    const sizes = { tableBytesMax: 15 * entryBytes };
    expect(numbers(pick([...twins, ...newer], sizes)?.inputs)).toEqual([8, 7, 6, 5, 4, 3]);
    const all = { tableBytesMax: 16 * entryBytes };
    expect(numbers(pick([...twins, ...newer], all)?.inputs)).toEqual([8, 7, 6, 5, 4, 3, 1, 2]);
  });

  test("of a full level takes the table that overlaps the least below, and names what is deeper", () => {
    const upper = [table(1, 4, 0, 10), table(2, 4, 20, 30), table(3, 4, 40, 50)];
    const middle = [
      table(4, 5, 0, 1),
      table(5, 5, 5, 6),
      table(6, 5, 20, 25),
      table(7, 5, 42, 43),
      table(8, 5, 49, 60),
    ];
    const lower = [table(9, 6, 0, 22), table(10, 6, 24, 24.5), table(11, 6, 26, 29)];
    const compaction = pick([...upper, ...middle, ...lower], { levelBytesBase: 0, levelRatio: 2.1 });
    expect(compaction).toMatchObject({ reason: "level-bytes", level: 4, outputLevel: 5, isMove: false });
    expect([compaction!.inputs, compaction!.overlapping].map(numbers)).toEqual([[2], [6]]);
    const ranges = [
      { firstKey: keyOf(0), lastKey: keyOf(22) },
      { firstKey: keyOf(24), lastKey: keyOf(24.5) },
      { firstKey: keyOf(26), lastKey: keyOf(29) },
    ];
    expect(compaction!.deeper).toEqual([ranges]);
    expect(compaction!.grandparents).toEqual(
      ranges.map((range) => ({ ...range, bytes: tableEntries * entryBytes })),
    );
  });

  test("among equals takes the one behind the last, and begins anew behind the end", () => {
    const upper = [table(1, 5, 0, 10), table(2, 5, 20, 30), table(3, 5, 40, 50)];
    const tables = [...upper, table(4, 6, 100, 200)];
    const cursors = (last: number) => [0, 0, 0, 0, 0, last].map(keyOf);
    const sizes = { levelBytesBase: 1 };
    expect(numbers(pick(tables, sizes, cursors(10))?.inputs)).toEqual([2]);
    expect(numbers(pick(tables, sizes, cursors(30))?.inputs)).toEqual([3]);
    expect(numbers(pick(tables, sizes, cursors(50))?.inputs)).toEqual([1]);
  });

  test("does not move a table that overlaps too much two levels down", () => {
    const lower = Array.from({ length: 12 }, (_, index) => table(10 + index, 6, index * 10, index * 10 + 5));
    const filler = table(3, 5, 2000, 3000);
    const sizes = { levelBytesBase: 1, levelRatio: 4 };
    expect(pick([table(1, 4, 0, 200), filler, ...lower], sizes)).toMatchObject({ level: 4, isMove: false });
    expect(pick([table(1, 4, 0, 50), filler, ...lower], sizes)).toMatchObject({ level: 4, isMove: true });
  });

  test("sends level 0 no deeper than the first level that is filled", () => {
    const levels = (tables: PlainTable[]) => levelsOf(tables, 7);
    expect(baseLevel(levels([]), options)).toBe(6);
    expect(baseLevel(levels([table(1, 3, 0, 1)]), options)).toBe(3);
    const many = Array.from({ length: 21 }, (_, index) => table(index, 6, index * 2, index * 2 + 1));
    expect(baseLevel(levels(many), options)).toBe(5);
  });

  test("empties a level that is not needed any more", () => {
    expect(pick([table(1, 3, 0, 1), table(2, 6, 5, 6)])).toMatchObject({
      level: 3,
      outputLevel: 4,
      isMove: true,
    });
  });
});

test("groups of level-0 tables have no key in common, whatever their tables are", () =>
  withSeed((random) => {
    const tables = Array.from({ length: 40 }, (_, number) => {
      const first = randomBelow(random, 1000);
      const keys = Float64Array.of(first, first + 1 + randomBelow(random, 30));
      return plainTable(number, 0, keys, Float64Array.of(number * 2 + 1, number * 2 + 2));
    });
    const groups = separateGroups(tables);
    expect(groups.flat().length).toBe(tables.length);
    const keysOf = (group: PlainTable[]) => group.flatMap((one) => [one.keys[0]!, one.keys[1]!]);
    for (const group of groups) {
      expect(group.map((one) => one.versionMax)).toEqual(
        group.map((one) => one.versionMax).sort((a, b) => b - a),
      );
      const [low, high] = [Math.min(...keysOf(group)), Math.max(...keysOf(group))];
      for (const other of groups) {
        if (other === group) continue;
        expect(Math.max(...keysOf(other)) < low || Math.min(...keysOf(other)) > high).toBe(true);
      }
    }
  }));
