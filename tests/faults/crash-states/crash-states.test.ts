import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/lib/random.ts";
import { matches } from "../../../src/vfs/fault.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { StoreModel } from "../../engine/store-model.ts";
import { withSeed } from "../../support/seeds.ts";
import { EnumeratedCrash } from "./enumerated-crash.ts";
import { enumerate, pointsOf, Violation, type EnumerateOptions } from "./enumerate.ts";
import { assertKept, recover } from "./judge.ts";
import { Odometer } from "./odometer.ts";
import { play } from "./play.ts";
import { RecordedRun } from "./recorded-run.ts";
import { skippingSyncs, syncKinds } from "./skipped-syncs.ts";
import { statesOf, type CrashState } from "./states-of.ts";
import { workloadNamed, workloads } from "./workloads.ts";

/** A slice: long.ts visits the rest. */
const slice: Omit<EnumerateOptions, "seed"> = { statesMax: 5, deepRecoveries: 1, deepStatesMax: 2 };

describe("every crash of a store that", () => {
  const seen = { recovered: 0, deepPoints: 0 };
  for (const workload of workloads) {
    test(`lives through ${workload.name} leaves what was acknowledged, and a beginning of what was submitted`, async () => {
      const tally = await withSeed((_, seed) => enumerate(workload, { ...slice, seed }));
      expect(pointsOf(tally)).toBeGreaterThan(tally.deepPoints);
      expect(tally.recovered).toBeGreaterThan(15);
      expect(tally.deepPoints).toBeGreaterThan(5);
      seen.recovered += tally.recovered;
      seen.deepPoints += tally.deepPoints;
    });
  }

  test("lives through all of them leaves some thousand different disks", () => {
    expect(seen.recovered).toBeGreaterThan(1_000);
    expect(seen.deepPoints).toBeGreaterThan(200);
  });
});

describe("a store without", () => {
  for (const { what, pattern, workload } of syncKinds) {
    test(`${what} is found out by a crash of: ${workload}`, async () => {
      await withSeed(async (_, seed) => {
        const bounds = { statesMax: 8, deepRecoveries: 0, deepStatesMax: 0 };
        const between = skippingSyncs(pattern);
        const found = enumerate(workloadNamed(workload), { ...bounds, seed, between });
        // Not `rejects`, which waits in a loop of its own that lets immediates starve while a timer is armed.
        const violation: unknown = await found.catch((error) => error);
        const place = new RegExp(`${workload}: crash (before call \\d+|at the end).*(killed|left: /)`, "s");
        expect(violation).toBeInstanceOf(Violation);
        expect((violation as Violation).message).toMatch(place);
      });
    });
  }

  test("any other sync is not worse off: all that are ever made are of these kinds, but for two that nothing needs", async () => {
    const others = new Set<string>();
    for (const workload of workloads) {
      for (const { call } of (await play(workload, 1)).points) {
        if (call === undefined || !["datasync", "sync", "syncDirectory"].includes(call.kind)) continue;
        if (!syncKinds.some(({ pattern }) => matches(pattern, call)))
          others.add(call.path.replace(/\d+-\d+/, "N"));
      }
    }
    // A torn tail is kept for people, and a lock says who took it last.
    expect([...others].sort()).toEqual(["/copy.unfinished/wal/LOCK", "/data/wal/N.torn.tmp"]);
  });
});

describe("the odometer", () => {
  const sequences = (deviationsMax?: number): string[] => {
    const odometer = new Odometer(deviationsMax);
    const all: string[] = [];
    do {
      const first = odometer.choose(3);
      // A question that only one answer leads to.
      const rest = first === 1 ? [odometer.choose(2), odometer.choose(2)] : [odometer.choose(2)];
      all.push([first, ...rest].join(""));
    } while (odometer.next());
    return all;
  };

  test("visits every sequence of answers once", () => {
    expect(sequences()).toEqual(["00", "01", "100", "101", "110", "111", "20", "21"]);
  });

  test("visits those that deviate in so many places only", () => {
    expect(sequences(1)).toEqual(["00", "01", "100", "20"]);
    expect(sequences(0)).toEqual(["00"]);
  });
});

describe("the states of a disk", () => {
  test("are all that draws ever leave, and more", async () => {
    await withSeed(async (random) => {
      const disk = new MemoryFileSystem();
      const file = disk.create("/file");
      await file.sync();
      await disk.syncDirectory("/");
      file.write(Buffer.alloc(600, "a"), 0);
      disk.create("/other");
      file.write(Buffer.alloc(10, "b"), 500);
      disk.rename("/other", "/file.new");

      const all = statesIn(disk, 10_000);
      expect(all.reach).toBe("all");
      const hashes = new Set(all.states.map(({ hash }) => hash));
      expect(hashes.size).toBe(all.states.length);
      // Draws have more kinds of garbage and more sizes, and nothing else that is not among them.
      for (let draw = 0; draw < 300; draw++) {
        const choices = new EnumeratedCrash("kept", (count) => randomBelow(random, count));
        expect(hashes).toContain(disk.crash({ choices }).hash());
      }
      const names = (left: MemoryFileSystem) => Object.keys(left.listAll()).join(" ");
      const enumerated = new Set(all.states.map((state) => names(state.disk)));
      for (let draw = 0; draw < 100; draw++) expect(enumerated).toContain(names(disk.crash({ random })));
      expect(enumerated).toEqual(new Set(["/file", "/file /other", "/file /file.new"]));
    });
  });

  test("include the new bytes, the old ones, zeros, a stale sector and noise, each in its sector", async () => {
    const disk = new MemoryFileSystem();
    const old = disk.create("/old");
    old.write(Buffer.alloc(1024, "s"), 0);
    const file = disk.create("/file");
    file.write(Buffer.alloc(1024, "o"), 0);
    for (const each of [old, file]) await each.sync();
    await disk.syncDirectory("/");
    file.write(Buffer.alloc(1024, "n"), 0);
    const kinds = new Set<string>();
    for (const { disk: left } of statesIn(disk, 1_000).states) {
      const bytes = Buffer.alloc(1024);
      left.openRead("/file").read(bytes, 0);
      kinds.add([bytes.subarray(0, 512), bytes.subarray(512)].map(kindOf).join(" "));
    }
    const each = ["new", "old", "zeros", "stale", "noise"];
    expect(kinds).toEqual(new Set(each.flatMap((first) => each.map((second) => `${first} ${second}`))));
  });

  test("are bounded, those nearest to all kept and to all lost first", () => {
    const disk = new MemoryFileSystem();
    for (let number = 0; number < 12; number++) disk.create(`/file-${number}`);
    const few = statesIn(disk, 20);
    expect([few.reach, few.states.length]).toEqual(["bound", 21]);
    const more = statesIn(disk, 300);
    expect(more.reach).toBe("two deviations");
    expect(more.states.length).toBeLessThanOrEqual(301);
    // 12 names, each there or not. A state that deviates in two of them has 10 or 2; drawn ones come on top.
    const counts = more.states.map((state) => Object.keys(state.disk.listAll()).length);
    const pairs = (12 * 11) / 2;
    for (const [names, least] of [
      [12, 2],
      [11, 12],
      [10, pairs],
      [0, 1],
      [1, 12],
      [2, pairs],
    ] as const) {
      expect(counts.filter((count) => count === names).length).toBeGreaterThanOrEqual(least);
    }
    expect(statesIn(disk, 5_000)).toMatchObject({ reach: "all" });
  });
});

test("disks have one hash if no reader can tell them apart, and share no change", () => {
  const disk = new MemoryFileSystem();
  disk.makeDirectory("/directory");
  const file = disk.create("/directory/file");
  file.write(Buffer.from("content"), 0);
  const hash = disk.hash();
  const other = disk.clone();
  expect(other.hash()).toBe(hash);
  const changes: ((changed: MemoryFileSystem) => void)[] = [
    (changed) => changed.open("/directory/file").write(Buffer.from("C"), 0),
    (changed) => changed.open("/directory/file").truncate(6),
    (changed) => changed.open("/directory/file").truncate(8),
    (changed) => changed.rename("/directory/file", "/file"),
    (changed) => changed.unlink("/directory/file"),
    (changed) => changed.create("/directory/empty"),
    (changed) => changed.makeDirectory("/empty"),
  ];
  const hashes = changes.map((change) => {
    const changed = disk.clone();
    change(changed);
    return changed.hash();
  });
  expect(new Set([hash, ...hashes]).size).toBe(changes.length + 1);
  file.write(Buffer.from("C"), 0);
  expect([disk.hash(), other.hash()]).toEqual([hashes[0]!, hash]);
});

describe("the judge", () => {
  /** A store with three writes, the second of which is a batch, after a kill. */
  const killed = async () => {
    const run = new RecordedRun(
      new MemoryFileSystem(),
      new StoreModel(),
      { ackedSeq: 0, submittedSeq: 0 },
      1,
    );
    await run.open();
    await run.putDurably("key-0", "first");
    await run.db.acknowledged(
      run.write({ key: "key-0", value: "second" }, { key: "key-1", value: "second" }),
    );
    await run.putDurably("key-2", "third");
    await run.end();
    return {
      disk: run.disk.crash({ unsynced: "kept" }),
      model: run.model,
      seq: run.expectation.submittedSeq,
    };
  };
  const judge = (disk: MemoryFileSystem, model: StoreModel) => recover(disk, model, { goesOn: true });

  test("accepts what was written", async () => {
    const { disk, model, seq } = await killed();
    const recovered = await judge(disk, model);
    expect(recovered).toEqual({ lastSeq: seq, copySeq: undefined });
    assertKept(recovered, { ackedSeq: seq, submittedSeq: seq }, false);
  });

  const lies: [what: string, spoil: (model: StoreModel) => void, message: string][] = [
    [
      "a value that nobody wrote",
      (model) => model.apply(5, [{ key: "key-2", value: "other" }]),
      "what was recovered",
    ],
    [
      "a key that is missing",
      (model) => model.apply(5, [{ key: "key-3", value: "more" }]),
      "what was recovered",
    ],
    ["a version of its own", (model) => (model.goBackTo(4), model.apply(3, third)), "what was recovered"],
    [
      "half a batch",
      (model) => (model.goBackTo(1), model.apply(4, half), model.apply(5, third)),
      "what was recovered",
    ],
  ];
  for (const [what, spoil, message] of lies) {
    test(`finds ${what}`, async () => {
      const { disk, model } = await killed();
      spoil(model);
      await expect(judge(disk, model)).rejects.toThrow(message);
    });
  }

  test("finds a loss of what was acknowledged, more than was submitted, and a backup that is gone or too old", () => {
    const moment = { ackedSeq: 5, killedSeq: 6, submittedSeq: 7 };
    const found = (lastSeq: number, copySeq?: number) => ({ lastSeq, copySeq });
    assertKept(found(5), moment, false);
    expect(() => assertKept(found(4), moment, false)).toThrow("4 recovered");
    expect(() => assertKept(found(5), moment, true)).toThrow("5 recovered");
    expect(() => assertKept(found(8), moment, false)).toThrow("8 recovered");
    expect(() => assertKept(found(5), { ...moment, copyIsDue: true }, false)).toThrow("is gone");
    expect(() => assertKept(found(5, 2), { ...moment, copySeqMin: 3 }, false)).toThrow("ends with seq 2");
  });
});

const third = [{ key: "key-2", value: "third" }];
const half = [{ key: "key-0", value: "second" }];

test("a workload makes the same calls, and leaves the same disks, for the same seed", async () => {
  await withSeed(async (_, seed) => {
    for (const name of ["a compaction", "a backup beside writes"]) {
      const [one, other] = [await play(workloadNamed(name), seed), await play(workloadNamed(name), seed)];
      const trace = ({ points }: typeof one) => points.map(({ story, disk }) => `${story} ${disk.hash()}`);
      expect(trace(other)).toEqual(trace(one));
    }
  });
});

function statesIn(disk: MemoryFileSystem, statesMax: number): { states: CrashState[]; reach: string } {
  const generator = statesOf(disk, statesMax, seededRandom(1));
  const states: CrashState[] = [];
  for (;;) {
    const { done, value } = generator.next();
    if (done === true) return { states, reach: value };
    states.push(value);
  }
}

function kindOf(sector: Buffer): string {
  const letter = String.fromCharCode(sector[0]!);
  if (sector.some((byte) => byte !== sector[0])) return "noise";
  return { n: "new", o: "old", s: "stale", "\0": "zeros" }[letter] ?? "noise";
}
