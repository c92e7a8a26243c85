import { randomBelow, type Random } from "../../../src/lib/random.ts";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { Call as FileCall } from "../../../src/vfs/fault.ts";
import { type CrashOptions, MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { EngineDriver } from "../../engine/engine-driver.ts";
import { StillClock } from "../../wal/still-clock.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { turn } from "../../support/turn-clock.ts";
import { EngineClients } from "./engine-clients.ts";
import { type History, HistoryRecorder } from "./history.ts";

/** Ways to break the promise that only a power cut can show, or only a slow disk. */
export type PowerCutFault =
  "the log is never synced" | "acks leave before the sync" | "reads leave before what they show is durable";

export interface PowerCutOptions {
  readonly cuts: number;
  /** Things that happen in each life: calls, answers that leave, syncs that end. */
  readonly stepsPerLife: number;
  readonly clients: number;
  readonly fault?: PowerCutFault;
}

/** How many crashes of each kind there were; see src/vfs/memory.ts. */
export type CutCounts = Record<"kept" | "lost" | "mixed", number>;

/**
 * The same as record-run.ts in one process, on a disk that forgets: the real engine on a file system in memory whose
 * syncs end when the dice say so, clients whose answers leave when they may, and power cuts in between. One seed is one
 * run.
 */
export async function recordPowerCuts(
  random: Random,
  options: PowerCutOptions,
): Promise<{ history: History; cuts: CutCounts }> {
  const clock = new StillClock();
  const recorder = new HistoryRecorder(() => clock.monotonicMs());
  const cuts: CutCounts = { kept: 0, lost: 0, mixed: 0 };
  const tags = { next: 1 };
  let disk = new MemoryFileSystem();
  for (let life = 0; life <= options.cuts; life++) {
    const isForgetful = options.fault === "the log is never synced";
    disk.holdSyncs(false);
    // With more than one segment the next start would find the log in pieces, and refuse: that is found out elsewhere.
    const db = await clock.passing(
      isForgetful
        ? openTiny(new ForgetfulLog(disk), { clock, random, segmentBytesMax: 65_536 })
        : openTiny(disk, { clock, random }),
    );
    recorder.lifeBegins("start");
    const clients = new EngineClients(db, recorder, random, tags, {
      clients: options.clients,
      checkpoints: !isForgetful,
      writesLeaveEarly: options.fault === "acks leave before the sync",
      readsLeaveEarly: options.fault === "reads leave before what they show is durable",
    });
    clients.readAll();
    disk.holdSyncs(true);
    for (let step = 0; step < options.stepsPerLife; step++) {
      clients.step();
      if (disk.heldSyncs.length > 0 && randomBelow(random, 4) === 0) disk.heldSyncs[0]!.release();
      // A step is a quarter of a millisecond, so that what waits for a moment outlasts a few calls.
      if (step % 4 === 3) clock.advance(1);
      await turn();
    }
    const unsynced = (["kept", "lost", "mixed"] as const)[randomBelow(random, isForgetful ? 2 : 3)]!;
    const crash: CrashOptions = unsynced === "mixed" ? { random } : { unsynced };
    const left = disk.crash(crash);
    recorder.lifeEnds(unsynced === "kept" ? "SIGKILL" : `power cut, ${unsynced}`);
    if (life < options.cuts) cuts[unsynced]++;
    await clock.passing(retire(db, disk));
    disk = left;
  }
  return { history: recorder.history(), cuts };
}

/** A disk that says it has synced the log, and has not. */
class ForgetfulLog extends FailingFileSystem {
  override passSync(call: FileCall, work: () => Promise<void>): Promise<void> {
    return isOfLog(call) ? turn() : work();
  }

  override passSyncNow(call: FileCall, work: () => void): void {
    if (!isOfLog(call)) work();
  }
}

const isOfLog = ({ kind, path }: FileCall) => kind === "datasync" && path.includes("/wal/");

/** The process that lost its power goes on for itself, on a disk that nobody looks at any more. */
async function retire(db: EngineDriver, disk: MemoryFileSystem): Promise<void> {
  disk.holdSyncs(false);
  for (const sync of [...disk.heldSyncs]) sync.release();
  await db.engine.close();
}
