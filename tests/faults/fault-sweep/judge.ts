import { seededRandom } from "../../../src/lib/random.ts";
import type { CrashOptions, MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { assertIntact } from "../../support/intact-store.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { TurnClock } from "../../support/turn-clock.ts";
import { delayMsMax, within } from "./life.ts";
import type { Injection, MadeCall, Run } from "./script.ts";
import { Violation } from "./violation.ts";
import { isChanging, isSyncing, partOf } from "./ways.ts";

/**
 * What those who use the store noticed: nothing; that writes waited, or were refused, until there was room; that it
 * stopped for good, or did not start; or that a backup was refused, while the store went on.
 */
export const outcomes = ["unnoticed", "waited for room", "stopped", "backup refused"] as const;

export type Outcome = (typeof outcomes)[number];

/** The kind of outcome, and that it is one which this fault of this call may have. */
export function judgeRun(run: Run, injection: Injection): Outcome {
  const { way, index } = injection;
  const call = run.calls[index];
  if (call === undefined || !isSame(call, injection.calls[index]!))
    throw new Violation(`call ${index} was ${call?.kind} ${call?.path}: the run is not the same each time`);
  // Beside a group in flight only other files and names may fail.
  if (run.promises.ackedAfterFault && isOfGroup(call))
    throw new Violation("something was acknowledged after the log had failed");
  const outcome = outcomeOf(run);
  const allowed = allowedFor(call, injection);
  if (!allowed.includes(outcome))
    throw new Violation(`it was "${outcome}" where it may be "${allowed.join('" or "')}"`);
  if (outcome === "unnoticed" || outcome === "waited for room") assertHealed(run);
  if (way.spread === "dead disk" || way.name !== "disk full") return outcome;
  const strange = run.promises.refusals.find(({ code }) => code !== "DISK_FULL");
  if (strange !== undefined) throw new Violation(`a full disk was called ${strange.code}`);
  return outcome;
}

function outcomeOf({ failures, promises, madeRoom, backupRefusal }: Run): Outcome {
  if (failures.length > 0) return "stopped";
  if (promises.refusals.some(({ code }) => code === "DISK_FULL") || madeRoom) return "waited for room";
  const [refusal] = promises.refusals;
  if (refusal !== undefined) throw new Violation(`a sound store refused: ${refusal.message}`);
  return backupRefusal === undefined ? "unnoticed" : "backup refused";
}

function allowedFor(call: MadeCall, { way }: Injection): readonly Outcome[] {
  const { name, spread } = way;
  // Whoever is told of fewer bytes than it asked for goes on with the rest.
  if (name === "short write" || name === "short read") return ["unnoticed"];
  const part = partOf(call);
  // A sticky fault may meet the store after the backup, and the other way round.
  if (spread !== "once") return outcomes;
  if (call.by === "backup") return ["unnoticed", "backup refused"];
  const isFull = name === "ENOSPC" || name === "EDQUOT";
  // A flush or a merge begins anew, with other files, once there is room. A start that finds none is refused.
  const isOfJob = part === "tables" && call.kind !== "makeDirectory" && (isChanging(call) || isSyncing(call));
  if (name === "disk full" || (isFull && isOfJob)) return ["unnoticed", "waited for room"];
  // Of the log and the manifest nobody knows what is on the disk once anything was to change there, and failed.
  const mustStop = (part === "wal" || part === "manifest") && (isChanging(call) || isSyncing(call));
  return mustStop ? ["stopped"] : ["unnoticed", "stopped"];
}

/** A store that did not stop has acknowledged everything that it took. */
function assertHealed({ promises }: Run): void {
  const { model, vouchedSeq } = promises;
  if (vouchedSeq < model.lastVersion)
    throw new Violation(`seq ${model.lastVersion} was written, and ${vouchedSeq} acknowledged in the end`);
}

const isOfGroup = ({ kind, path }: MadeCall) =>
  (kind === "write" || kind === "datasync") && path.startsWith("/data/wal/");

const isSame = (one: MadeCall, other: { kind: string; path: string }) =>
  one.kind === other.kind && one.path === other.path;

/** The ways for the machine to stop behind a run: by SIGKILL, and by two power cuts. */
export function crashesOf(salt: number): [name: string, crash: CrashOptions][] {
  return [
    ["killed", { unsynced: "kept" }],
    ["power cut, all unsynced lost", { unsynced: "lost" }],
    [`power cut with seed ${salt}`, { random: seededRandom(salt) }],
  ];
}

/** The next starts, on a disk that is well again: nothing promised is missing, and what they do is durable. */
export async function judgeRestart(run: Run, crash: CrashOptions): Promise<void> {
  const { promises } = run;
  const { model, vouchedSeq, currentSeq } = promises;
  const left = run.disk.crash(crash);
  left.setFreeBytes(2 ** 40);
  assertIntact("/data", "killed", left);
  const db = await start(left);
  const recoveredSeq = db.engine.currentSeq;
  // One more at the most: the start may have begun a segment, with a record of its own.
  if (recoveredSeq < vouchedSeq || recoveredSeq > currentSeq + 1)
    throw new Violation(`${vouchedSeq} was promised, ${currentSeq} written, and ${recoveredSeq} recovered`);
  const expected = model.scan({}, Math.min(recoveredSeq, currentSeq));
  assertSame(db.all(), expected, "what was recovered");
  await within(db.putDurably("key-0", "after the restart"), "a write after the restart", () => false);
  const again = await start(left.crash({ unsynced: "lost" }));
  const after = [["key-0", "after the restart"], ...expected.filter(([key]) => key !== "key-0")];
  assertSame(again.all(), after, "what was recovered, and written to");
  await within(again.engine.close(), "the end of the second start", () => false);
  await within(db.engine.close(), "the end of the first start", () => false);
  if ("unsynced" in crash && crash.unsynced === "lost") await judgeBackup(run, left);
}

/** A backup that was called done is a store by itself, with everything that was acknowledged before. */
async function judgeBackup({ backup, promises }: Run, left: MemoryFileSystem): Promise<void> {
  if (backup === undefined) return;
  assertIntact("/backup", "stopped", left);
  const db = await start(left, "/backup");
  const seq = db.engine.currentSeq;
  if (seq < backup.vouchedSeq || seq > backup.currentSeq + 1)
    throw new Violation(`${backup.vouchedSeq} was acknowledged before the backup, which ends with ${seq}`);
  assertSame(db.all(), promises.model.scan({}, Math.min(seq, backup.currentSeq)), "the backup");
  await within(db.engine.close(), "the end of the backup's start", () => false);
}

function start(disk: MemoryFileSystem, directory = "/data"): Promise<EngineDriver> {
  const opening = openTiny(disk, { directory, clock: new TurnClock(delayMsMax), random: seededRandom(5) });
  return within(opening, "a restart", () => false);
}

function assertSame(found: unknown, expected: unknown, what: string): void {
  if (Bun.deepEquals(found, expected)) return;
  throw new Violation(`${what} is ${JSON.stringify(found)}, and should be ${JSON.stringify(expected)}`);
}
