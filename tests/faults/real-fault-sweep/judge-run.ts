import { inOrder } from "../../support/trace-order.ts";
import { TracedDisk } from "../../support/traced-disk.ts";
import { lastNumberOf, type SystemCall } from "../../support/trace.ts";
import { status } from "../../../src/protocol/status.ts";
import { Violation } from "../fault-sweep/violation.ts";
import { nameOfCell, partOf, type NamedCall } from "./calls.ts";
import type { Scope } from "./reference.ts";
import type { FaultedRun, SweptStore } from "./store.ts";
import {
  isBegunAgain,
  isChanging,
  isLie,
  isNoRoom,
  isOfLock,
  isReading,
  isSyncing,
  outcomesAllowed,
  type Outcome,
  type Way,
} from "./ways.ts";

export interface RunToJudge {
  readonly run: FaultedRun;
  readonly named: readonly NamedCall[];
  /** The first call that failed; undefined: none was met. */
  readonly hit: NamedCall | undefined;
  readonly way: Way;
  readonly scope: Scope;
  readonly store: SweptStore;
}

/** What came of it, and that it may have come of a call that failed in this way; throws if it may not. */
export function judgeRun(judged: RunToJudge): { outcome: Outcome } {
  const { run, hit, way, store } = judged;
  const outcome = outcomeOf(run);
  const [violation] = store.oracle.violations;
  if (violation !== undefined) throw new Violation(`${violation.rule}: ${violation.detail}`);
  judgeEnd(judged, outcome);
  judgeRefusals(run, way, outcome);
  judgeAcknowledged(judged);
  if (hit !== undefined) judgeWhatFollowed(judged, hit);
  return { outcome };
}

function outcomeOf({ end, exitCode, isReady, refusals }: FaultedRun): Outcome {
  if (!isReady) return "did not start";
  if (end === "still waiting") return "waited for room";
  if (exitCode !== 0) return "stopped";
  if (end === "cut off") throw new Violation("the server ended with 0 before everything was answered");
  return refusals.length > 0 ? "waited for room" : "unnoticed";
}

const exitCodeOfFault = 70;
const exitCodeOfDamage = 65;
const exitCodeOfInputOutput = 74;

/** The exit code, and that standard error names what has failed. */
function judgeEnd({ run, named, hit, way }: RunToJudge, outcome: Outcome): void {
  const { exitCode, stderr } = run;
  const fail = (what: string) => {
    const at = hit === undefined ? "nothing that failed" : nameOfCell(hit.cell);
    throw new Violation(
      `it ${outcome} with ${exitCode} after ${at}: ${what}; it said ${stderr.slice(-1_500)}`,
    );
  };
  if (hit === undefined) {
    if (outcome !== "unnoticed") fail("nothing had failed");
    return;
  }
  // Each thread's n-th call fails: where one of them has to stop the server, it stops.
  const hits = named.filter(({ call }) => call.isInjected);
  const allowedOf = hits.map(({ cell }) => outcomesAllowed(cell, way));
  const allowed = allowedOf.find((each) => !each.includes("unnoticed")) ?? allowedOf.flat();
  const isLieSeen = isLie(way) && (outcome === "stopped" || outcome === "did not start");
  if (!allowed.includes(outcome) && !isLieSeen) fail(`that may only be "${allowed.join('" or "')}"`);
  if (outcome === "unnoticed") return;
  if (outcome === "waited for room") {
    if (![0, exitCodeOfFault].includes(exitCode)) fail("that is no end of a server that waits");
    return;
  }
  const codes = [exitCodeOfFault];
  // A start that can't read what is there calls it damaged, and says why it can't be read.
  if (isLie(way) || (isReading(hit.cell) && !run.isReady)) codes.push(exitCodeOfDamage);
  // What no disk answers by itself is told as the system said it.
  if (hit.cell.kind === "flock" || (way.name === "EINTR" && !run.isReady)) codes.push(exitCodeOfInputOutput);
  if (!codes.includes(exitCode)) fail(`that should be ${codes.join(" or ")}`);
  if (way.name.startsWith("E") && !stderr.includes(way.name)) fail(`nothing names ${way.name}`);
  if (way.name === "EIO" && hit.cell.kind === "pread64" && partOf(hit.cell.path) === "tables") {
    const namesPlace = /tables\/\d{12}\.table(\.tmp)? at offset \d+: .*EIO/.test(stderr);
    if (!namesPlace) fail("the place that can't be read is not named");
  }
}

/** A write is refused because there is no room, if that is so, or because the disk has failed; for nothing else. */
function judgeRefusals({ refusals }: FaultedRun, way: Way, outcome: Outcome): void {
  const fitting = [
    ...(isNoRoom(way) ? [status.DISK_FULL] : []),
    ...(outcome === "stopped" ? [status.STORAGE_FAULT] : []),
  ] as number[];
  const strange = refusals.find(({ status: code }) => code === undefined || !fitting.includes(code));
  if (strange !== undefined)
    throw new Violation(`it ${outcome}, and refused a write with ${strange.status}: ${strange.reason}`);
}

/**
 * All that was acknowledged or shown was durable at the end, by the calls alone. Nothing is synced any more once the
 * log has failed, so this is the same as at the fault. It takes all calls on the log.
 */
function judgeAcknowledged({ run, named, hit, way, scope, store }: RunToJudge): void {
  const seesLog =
    scope === "store" || (scope === "part" && hit !== undefined && partOf(hit.cell.path) === "wal");
  if (!seesLog) return;
  const disk = new TracedDisk();
  disk.durableSeq = store.baseSeq;
  // Whether the directories themselves are durable shows only where those above them do.
  const judged = named.filter(({ cell }) => scope === "store" || cell.kind !== "mkdir");
  for (const { call, isBegin } of inOrder(judged.map(({ call }) => call))) {
    if (isBegin) disk.begin(call);
    else disk.end(call);
  }
  if (run.vouchedSeq > disk.durableSeq)
    throw new Violation(`seq ${run.vouchedSeq} was acknowledged, and ${disk.durableSeq} durable`);
  // It knows only what it has seen being made, so of a first life it can say when files go, too.
  const [violation] = disk.violations;
  if (scope === "store" && store.baseSeq === 0 && violation !== undefined && !isLie(way))
    throw new Violation(violation.detail);
}

/** Nothing is tried again on a file where a change or a sync has failed, and a short write goes on where it stopped. */
function judgeWhatFollowed({ run, named, way }: RunToJudge, { call, cell }: NamedCall): void {
  const later = named.filter((each) => each.call.begin > call.begin && each.cell.path === cell.path);
  const again = later.find((each) => each.cell.kind === cell.kind);
  if (isBegunAgain(cell, way)) {
    if (again === undefined) throw new Violation("what a signal had interrupted was not begun again");
    return;
  }
  if (way.name === "short write" || way.name === "short read") {
    const isGoingOn = again !== undefined && lastNumberOf(again.call) === lastNumberOf(call) + call.result;
    if (!isGoingOn && !isOfLock(cell) && run.exitCode === 0)
      throw new Violation("it did not go on where it was cut short");
    return;
  }
  if (!(isChanging(cell) || isSyncing(cell)) || isOfLock(cell)) return;
  // A directory of tables outlives a flush that found no room; its next sync is for other names.
  if (isNoRoom(way) && partOf(cell.path) === "tables") return;
  const tried = later.find(
    (each) => isSyncing(each.cell) || (isChanging(each.cell) && each.cell.kind !== "unlink"),
  );
  if (tried === undefined) return;
  // A job may have been on its way before the failure of another was known. It is held to what failed before it began
  // its table, and to nothing later (compaction/publish-turns.ts): so its sync is for another name.
  const isForAnother = named.some((each) => isBegunBetween(each, call, tried.call));
  if (cell.path === "tables" && isSyncing(cell) && isForAnother) return;
  throw new Violation(`after it had failed, it tried ${nameOfCell(tried.cell)}`);
}

/** Whether a table was begun after the one call and before the other. */
function isBegunBetween({ call, cell }: NamedCall, failed: SystemCall, tried: SystemCall): boolean {
  return cell.creates && partOf(cell.path) === "tables" && call.begin > failed.end && call.end < tried.begin;
}
