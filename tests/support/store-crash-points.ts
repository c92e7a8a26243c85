import type { EngineOptions } from "../../src/engine/open.ts";
import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { CallKind } from "../../src/vfs/fault.ts";
import { MemoryFileSystem, type CrashOptions } from "../../src/vfs/memory.ts";
import { EngineDriver, type WriteWords } from "../engine/engine-driver.ts";
import { StoreModel } from "../engine/store-model.ts";
import { assertIntact } from "./intact-store.ts";
import { turn, TurnClock } from "./turn-clock.ts";

/** What a crash must not take, and what may be there: a moment in the life of a store, and the disk as it is left. */
interface CrashPoint {
  readonly disk: MemoryFileSystem;
  readonly ackableSeq: number;
  readonly currentSeq: number;
  /** Before which call, and how: where to look when it fails. */
  readonly story: string;
}

export interface CrashPointOptions {
  readonly steps: number;
  /** Each call is crashed at in one way; the ways take turns. With this, in all of them. */
  readonly everyWay: boolean;
}

/**
 * Plays a random script to an engine whose segments and tables are tiny, and stops the machine before every call that
 * changes or syncs anything, in one of the ways that a machine can stop. Each disk that this leaves is checked, opened,
 * compared with a plain model, and crashed again. Meanwhile the living engine is compared at every turn of the event
 * loop. Returns how many crashes there were.
 */
export async function crashEverywhere(random: Random, options: CrashPointOptions): Promise<number> {
  const disk = new MemoryFileSystem();
  const model = new StoreModel();
  const points: CrashPoint[] = [];
  let db: EngineDriver | undefined;
  const fileSystem = new FailingFileSystem(disk, {
    onCall: ({ kind, path }, index) => {
      if (passive.has(kind)) return;
      const ways = options.everyWay ? crashes(points.length) : [crashes(points.length)[index % 4]!];
      const { ackableSeq = 0, currentSeq = 0 } = db?.engine ?? {};
      for (const [name, crash] of ways) {
        const story = `crash before call ${index}, ${kind} ${path}, ${name}`;
        points.push({ disk: disk.crash(crash), ackableSeq, currentSeq, story });
      }
    },
  });
  db = await openTiny(fileSystem);
  await play(db, model, random, options.steps);
  await db.engine.close();
  for (const [index, point] of points.entries()) {
    try {
      await recover(point, model, index % 3 === 0);
    } catch (error) {
      throw new Error(`${point.story}: ${(error as Error).message}`, { cause: error });
    }
  }
  return points.length;
}

/** An engine for which everything is so small that flushes, compactions and manifests follow on each other's heels. */
export function openTiny(
  fileSystem: FailingFileSystem | MemoryFileSystem,
  options: Partial<EngineOptions> = {},
): Promise<EngineDriver> {
  return EngineDriver.open(fileSystem, {
    segmentBytesMax: 600,
    tableBytesMax: 700,
    levelBytesBase: 1_500,
    manifestBytesMax: 1_200,
    cacheBytesMax: 8_192,
    sealDelayMs: 1,
    clock: new TurnClock(),
    ...options,
  });
}

const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);

async function play(db: EngineDriver, model: StoreModel, random: Random, steps: number): Promise<void> {
  let isOver = false;
  const reading = (async () => {
    for (; !isOver; await turn()) expectEqual(db.all(), model.scan({}), "the living engine");
  })();
  const operation = (): WriteWords => {
    const key = keys[randomBelow(random, keys.length)]!;
    if (randomBelow(random, 4) === 0) return { key };
    return { key, value: `${randomBelow(random, 1_000_000)} `.repeat(1 + randomBelow(random, 20)) };
  };
  try {
    for (let step = 0; step < steps; step++) {
      const kind = randomBelow(random, 12);
      if (kind === 0) await db.checkpoint();
      else if (kind === 1) await db.compact();
      else if (kind === 2) await db.acknowledged(db.engine.currentSeq);
      else if (kind === 3) await turn();
      else {
        const operations = Array.from({ length: kind < 6 ? 1 + randomBelow(random, 3) : 1 }, operation);
        const { version } = db.batch(operations);
        model.apply(version!, operations);
      }
    }
    await db.compact();
  } finally {
    isOver = true;
    await reading;
  }
}

/** Opens what a crash left and compares; goes on from there, if it should; and loses the power once more. */
async function recover(point: CrashPoint, model: StoreModel, goesOn: boolean): Promise<void> {
  const { disk, ackableSeq, currentSeq } = point;
  assertIntact("/data", "killed", disk);
  const db = await openTiny(disk);
  const recoveredSeq = db.engine.currentSeq;
  // One more at the most: the start may have begun a segment, with a CHECKPOINT.
  if (recoveredSeq < ackableSeq || recoveredSeq > currentSeq + 1) {
    throw new Error(
      `Up to seq ${ackableSeq} was acknowledged, ${currentSeq} written, ${recoveredSeq} recovered`,
    );
  }
  const expected = model.scan({}, Math.min(recoveredSeq, currentSeq));
  expectEqual(db.all(), expected, "what was recovered");
  if (goesOn) {
    await db.compact();
    expectEqual(db.all(), expected, "what was recovered and merged");
  }
  const again = await openTiny(disk.crash({ unsynced: "lost" }));
  expectEqual(again.all(), expected, "what was recovered, after another crash");
  await again.engine.close();
  await db.engine.close();
  assertIntact("/data", "stopped", disk);
}

function expectEqual(found: unknown, expected: unknown, what: string): void {
  if (Bun.deepEquals(found, expected)) return;
  throw new Error(
    `${what} is not what was written: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`,
  );
}

/** The ways for a machine to stop; `salt` makes the random ones differ from place to place. */
function crashes(salt: number): [name: string, crash: CrashOptions][] {
  const mixed = [2 * salt, 2 * salt + 1].map((seed): [string, CrashOptions] => {
    return [`power cut with seed ${seed}`, { random: seededRandom(seed) }];
  });
  return [["killed", { unsynced: "kept" }], ["power cut, all unsynced lost", { unsynced: "lost" }], ...mixed];
}

/** Before these the disk is as it was before the last call that is not one of them. */
const passive = new Set<CallKind>([
  "exists",
  "freeBytes",
  "realPath",
  "list",
  "openRead",
  "size",
  "read",
  "close",
]);
