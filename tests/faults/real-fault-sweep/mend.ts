import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { lastNumberOf, pathOf, stringsOf, type SystemCall } from "../../support/trace.ts";

/**
 * Where the tracer says that a part of a write was done, it was not: this does it afterwards, so that the disk is the
 * one that a short write would have left. Names may have changed since.
 */
export function mend(calls: readonly SystemCall[]): void {
  for (const write of calls) {
    if (!write.isInjected || write.name !== "pwrite64" || !(write.result > 0)) continue;
    const path = nameAfter(write, calls);
    if (!existsSync(path)) continue;
    const offset = lastNumberOf(write);
    const bytes = Math.min(write.result, keptBytes(write, calls) - offset);
    // A seal that told nothing new has been written over since.
    if (bytes <= 0 || calls.some((later) => isWrittenOver(write, later))) continue;
    const fd = openSync(path, "r+");
    writeSync(fd, stringsOf(write)[0]!, 0, bytes, offset);
    closeSync(fd);
  }
}

function isWrittenOver(write: SystemCall, later: SystemCall): boolean {
  if (later.name !== "pwrite64" || later.isInjected || later.begin < write.begin) return false;
  const offset = lastNumberOf(write);
  const laterOffset = lastNumberOf(later);
  return pathOf(later) === pathOf(write) && laterOffset <= offset && offset < laterOffset + later.result;
}

/** Up to where the file was not cut off since. */
function keptBytes(write: SystemCall, calls: readonly SystemCall[]): number {
  const cuts = calls.filter(
    (call) =>
      call.name === "ftruncate" &&
      call.begin > write.begin &&
      call.error === undefined &&
      pathOf(call) === pathOf(write),
  );
  return Math.min(Infinity, ...cuts.map(lastNumberOf));
}

function nameAfter(write: SystemCall, calls: readonly SystemCall[]): string {
  let path = pathOf(write);
  for (const call of calls) {
    if (call.name !== "rename" || call.begin < write.begin || call.error !== undefined) continue;
    const [from, to] = stringsOf(call).map(String);
    if (from === path) path = to!;
  }
  // Of one file alone its renaming need not show.
  return existsSync(path) ? path : path.replace(/\.tmp$/, "");
}
