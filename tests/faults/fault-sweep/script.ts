import { copyStore } from "../../../src/offline/copy-store.ts";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { Call } from "../../../src/vfs/fault.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { StoreModel } from "../../engine/store-model.ts";
import { Life, type Promises, within } from "./life.ts";
import { faultOf, type Way } from "./ways.ts";
import { assertOurs, assertTold } from "./violation.ts";

/** A call of a run, and who made it. */
export interface MadeCall extends Call {
  readonly by: "store" | "backup";
}

/** What came of a run whose disk may have failed. */
export interface Run {
  readonly disk: MemoryFileSystem;
  readonly calls: readonly MadeCall[];
  readonly promises: Promises;
  /** Of the store: what stopped it, what refused a start, what an end in order was told. */
  readonly failures: readonly { readonly of: "fault" | "start" | "end"; readonly error: unknown }[];
  /** The first write that a finished backup has to hold; undefined: it was refused, or not asked for. */
  readonly backup: { readonly vouchedSeq: number; readonly currentSeq: number } | undefined;
  readonly backupRefusal: unknown;
  /** Something waited for room until there was some. */
  readonly madeRoom: boolean;
}

export interface Injection {
  readonly way: Way;
  readonly index: number;
  /** The calls of the run without a fault. */
  readonly calls: readonly Call[];
}

/** Where a run begins: a disk, and what was promised of it. */
export interface Beginning {
  readonly disk: MemoryFileSystem;
  readonly promises: Promises;
}

export const promisesOfNothing = (): Promises => ({
  model: new StoreModel(),
  vouchedSeq: 0,
  currentSeq: 0,
  ackedAfterFault: false,
  refusals: [],
});

/** Two lives of a store, whatever happens: everything that a store does, with the fewest calls that show it. */
export async function play({ disk, promises }: Beginning, injection?: Injection): Promise<Run> {
  const calls: MadeCall[] = [];
  let by: MadeCall["by"] = "store";
  let wasFull = false;
  let isOver = false;
  const isDiskFull = injection?.way.name === "disk full";
  const system = new FailingFileSystem(disk, {
    onCall(call, index) {
      calls.push({ ...call, by });
      by = "store";
      if (!isDiskFull || isOver) return;
      if (index === injection!.index) disk.setFreeBytes(0);
      else if (index > injection!.index && injection!.way.spread === "once") disk.setFreeBytes(plenty);
    },
  });
  const fault = injection && faultOf(injection.way, injection.calls, injection.index);
  if (fault !== undefined) system.inject(fault);
  // A call of the backup is named before the system below hears of it.
  const backupSystem = new FailingFileSystem(system, { onCall: () => void (by = "backup") });

  const isFullFault = isDiskFull || injection?.way.name === "ENOSPC" || injection?.way.name === "EDQUOT";
  /** There is room from now on. False: there always was, or what takes it is still to come. */
  const heal = () => {
    if (!isFullFault || calls.length <= injection!.index) return false;
    system.heal();
    disk.setFreeBytes(plenty);
    isOver = true;
    return true;
  };
  const makeRoom = () => {
    if (!isFullFault || wasFull) return false;
    wasFull = true;
    heal();
    return true;
  };
  const failures: { of: "fault" | "start" | "end"; error: unknown }[] = [];
  let backup: Run["backup"];
  let backupRefusal: unknown;

  const live = async (body: (life: Life) => Promise<void>): Promise<boolean> => {
    let life: Life;
    try {
      life = await Life.start(system, promises, makeRoom);
    } catch (error) {
      assertTold(error, "a start");
      failures.push({ of: "start", error });
      return false;
    }
    await body(life);
    try {
      await life.close();
    } catch (error) {
      assertTold(error, "an end");
      failures.push({ of: "end", error });
    }
    if (life.fault !== undefined) failures.push({ of: "fault", error: life.fault });
    return failures.length === 0;
  };

  const isWell = await live(async (life) => {
    await writeMuch(life, promises);
    const { vouchedSeq } = promises;
    try {
      await within(copyStore(backupSystem, "/data", "/backup", { linksTables: true }), "a backup", makeRoom);
      backup = { vouchedSeq, currentSeq: promises.currentSeq };
    } catch (error) {
      assertOurs(error, "a backup");
      backupRefusal = error;
    }
    life.write({ key: "key-1", value: "after the backup" });
    await life.acknowledged();
  });
  if (isWell) {
    await live(async (life) => {
      life.write({ key: "key-2", value: life.value(3) });
      await life.acknowledged();
      await life.idle(4);
      const last = { key: "key-3", value: life.value(3) };
      if (heal()) life.writeWithRoom(last);
      else life.write(last);
      await life.acknowledged();
    });
  }
  return { disk, calls, promises, failures, backup, backupRefusal, madeRoom: wasFull };
}

const plenty = 2 ** 40;

/** Puts, deletes and batches over segments enough that tables are written, merged and pruned, under a snapshot. */
async function writeMuch(life: Life, promises: Promises): Promise<void> {
  const key = (index: number) => `key-${index % 8}`;
  for (let index = 0; index < 4; index++) life.write({ key: key(index), value: life.value(4) });
  await life.acknowledged();
  life.write({ key: key(4), value: life.value(2) }, { key: key(1) }, { key: key(5), value: life.value(1) });
  await life.acknowledged();
  const snapshotId = life.openSnapshot();
  const seq = promises.currentSeq;
  for (let index = 0; index < 9; index++) {
    if (index % 4 === 3) life.write({ key: key(index) });
    else life.write({ key: key(index), value: life.value(8 + index) });
    if (index % 3 === 0) await life.acknowledged();
  }
  life.readSnapshot(snapshotId, seq);
  await life.acknowledged();
  await life.checkpoint();
  life.write({ key: key(3), value: life.value(5) }, { key: key(6), value: life.value(5) });
  await life.compact();
  life.readSnapshot(snapshotId, seq);
  life.closeSnapshot(snapshotId);
  await life.idle(6);
}
