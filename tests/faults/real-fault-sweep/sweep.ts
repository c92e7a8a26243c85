import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { Violation } from "../fault-sweep/violation.ts";
import { nameOfCell, namedCalls, partOf } from "./calls.ts";
import { judgeRun } from "./judge-run.ts";
import { mend } from "./mend.ts";
import { pathsOf, playReference, type Reference, type ReferenceCall, type Scope } from "./reference.ts";
import { restartInProcess, restartProgram } from "./restart.ts";
import { bytesLeft, callsApart, SweptStore } from "./store.ts";
import {
  coveredKinds,
  isChanging,
  isLie,
  isNoRoom,
  isSyncing,
  waysToFail,
  type Outcome,
  type Way,
} from "./ways.ts";

/** One fault at one call of one life. */
export interface Case extends ReferenceCall {
  readonly way: Way;
}

let reference: Promise<Reference> | undefined;

/** Played once for all. */
export function referenceOf(): Promise<Reference> {
  return (reference ??= playReference());
}

/** Every call of both lives, in every way in which it can fail. */
export async function casesOf(): Promise<Case[]> {
  const { calls } = await referenceOf();
  return calls.flatMap((call) => waysToFail(call.cell).map((way) => ({ ...call, way })));
}

/** By which a case is known, today and tomorrow. */
export function nameOf({ life, cell, way }: Case): string {
  return `${life} life: ${nameOfCell(cell)}, ${way.name} ${way.spread}`;
}

export interface Judged {
  /** Undefined: another call was met than was meant, each time. What came of it was judged all the same. */
  readonly outcome: Outcome | undefined;
  readonly restarts: number;
}

/**
 * Plays the life with the fault, and restarts it on a disk that is well; throws if anything promised was broken. Two
 * threads may make calls of a kind in either order, so that another call may be met than was meant: then once more, and
 * at last with nothing counted but the calls on the very file.
 */
export async function tryCase(each: Case, root?: string): Promise<Judged> {
  let restarts = 0;
  try {
    for (const [attempt, scope] of scopesFor(each).entries()) {
      const outcome = await tryOnce(each, scope, attempt, root);
      restarts += 2;
      if (outcome !== undefined) return { outcome, restarts };
    }
    return { outcome: undefined, restarts };
  } catch (error) {
    throw new Violation(`${nameOf(each)}: ${(error as Error).message}`, error);
  }
}

async function tryOnce(
  each: Case,
  scope: Scope,
  attempt: number,
  root: string | undefined,
): Promise<Outcome | undefined> {
  using directory = temporaryDirectory();
  const { life, cell, way, nthOf } = each;
  const store = await SweptStore.begin(life, directory.path, root);
  const { dataDirectory } = store;
  const patience = {
    patienceMs: isNoRoom(way) && way.spread === "sticky" ? 2_500 : 15_000,
    sealPatienceMs: isLie(way) ? 200 : 15_000,
  };
  const inject = await injectionOf(each, scope);
  const paths = pathsOf(cell, dataDirectory, scope);
  const isApart = scope === "file, apart";
  const run = await store.run({ calls: coveredKinds, paths, inject, isApart, ...patience });
  const named = namedCalls(run.calls, dataDirectory);
  const hit = named.find(({ call }) => call.isInjected);
  const { outcome } = judgeRun({ run, named, hit, way, scope, store });
  mend(run.calls);
  // The program's own start costs much; that of the same engine within this process shows nearly the same.
  const isByProgram = (nthOf.store + attempt) % 16 === 3;
  await (isByProgram ? restartProgram(store) : restartInProcess(store));
  const isMeant = named.some(
    ({ call, cell: met }) => call.isInjected && nameOfCell(met) === nameOfCell(cell),
  );
  return isMeant ? outcome : undefined;
}

/** The widest first, of which most can be judged, and then the surest. */
function scopesFor({ cell, way }: Case): Scope[] {
  // Alone, it does not show when the program has begun, before which Bun looks around up there for itself.
  if (cell.path.startsWith("..")) return ["part", "store", "part"];
  // For which table the directory is synced shows where the tables do.
  if (cell.path === "tables" && isSyncing(cell))
    return [way.spread === "once" ? "store" : "part", "part", "part", "part", "part"];
  const isJudgedByAll = isChanging(cell) || isSyncing(cell);
  if (!isJudgedByAll) return ["file", "file, apart", "part", "file", "file, apart"];
  if (way.spread === "sticky") return ["part", "file", "file, apart", "part", "file"];
  return ["store", partOf(cell.path) === "wal" ? "part" : "file", "file", "file, apart", "part"];
}

/** strace's words for it. */
async function injectionOf({ life, cell, way, nthOf }: Case, scope: Scope): Promise<string> {
  const { name, spread } = way;
  // Apart, the first thread's calls on the store are beyond this end, and nobody else makes so many on one file.
  const n = nthOf[scope];
  const end = spread === "once" ? "" : scope === "file, apart" && n <= callsApart ? `..${callsApart}` : "+";
  const when = `when=${n}${end}`;
  if (name === "zero write" || name === "zero read") return `${cell.kind}:retval=0:${when}`;
  if (name !== "short write" && name !== "short read") return `${cell.kind}:error=${name}:${when}`;
  // Never more than is asked for: a rest may be as short as one byte.
  const bytes = spread === "sticky" ? 1 : Math.min(7, cell.bytes - 1);
  const short = `${cell.kind}:retval=${bytes}`;
  const isLeft = scope === "file" && name === "short read" && life === "second" && !cell.isWritten;
  const known = isLeft ? await bytesLeft(cell.path) : undefined;
  if (known === undefined || spread === "sticky") return `${short}:${when}`;
  // What was there before this life can be read for it, so that a short read is a true one.
  const read = known.subarray(cell.offset, cell.offset + bytes);
  return `${short}:poke_exit=@arg2=${read.toString("hex")}:${when}`;
}
