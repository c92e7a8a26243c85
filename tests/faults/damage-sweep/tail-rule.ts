import { groupHeaderBytes, segmentHeaderBytes } from "../../../src/wal/format.ts";
import type { FileChange } from "./damages.ts";
import type { Subject } from "./subject.ts";

/**
 * What may be lost. The one thing that no single machine can tell is damage to the end of the last segment from a write
 * that a crash tore (src/wal/README.md, "What no single machine can tell"). So:
 *
 *   1. Let B be the first byte of the last segment that is not as it was, and G the group that holds it.
 *   2. If a later group's header is left, whole and in its place, that says that bytes behind G's beginning were
 *      synced, then nothing may be lost: the start is refused.
 *   3. Else everything before G must be recovered, and nothing of G or behind it.
 *   4. If the last segment is gone, whole, everything before it must be recovered.
 *   5. But nothing that the manifest knows to have been durable may be lost: then too the start is refused. Of a store
 *      that was closed in order, or has stood still for a while, that is everything.
 *
 * Everything else, in whatever file, may cost nothing at all.
 */
export interface Allowed {
  /** What has to be the last record. */
  readonly lastSeq: number;
  /** Whether bytes are left of what is lost: then it is announced as a torn tail. Else it looks as if it never was. */
  readonly leavesTrace: boolean;
}

/** Undefined: nothing may be lost. */
export function allowedLoss(subject: Subject, changes: readonly FileChange[]): Allowed | undefined {
  const allowed = tornEnd(subject, changes);
  return allowed === undefined || allowed.lastSeq < subject.state.durableSeq ? undefined : allowed;
}

/** 1 to 4 */
function tornEnd(subject: Subject, changes: readonly FileChange[]): Allowed | undefined {
  const { path, groups, seqBefore } = subject.lastSegment;
  const [change] = changes;
  if (change === undefined || changes.length > 1 || change.path !== path) return undefined;
  const { bytes } = change;
  if (bytes === undefined) return { lastSeq: seqBefore, leavesTrace: false };
  const original = subject.files.get(path)!;
  const at = firstDifference(original, bytes);
  if (at < segmentHeaderBytes) return undefined;
  const index = groups.findIndex(({ end }) => end > at);
  if (index === -1) return undefined;
  const { start } = groups[index]!;
  const witness = groups.slice(index + 1).find((group) => {
    const end = group.start + groupHeaderBytes;
    return group.durableThrough > start && isUntouched(original, bytes, group.start, end);
  });
  if (witness !== undefined) return undefined;
  const leavesTrace = bytes.subarray(start).some((byte) => byte !== 0);
  return { lastSeq: groups[index - 1]?.lastSeq ?? seqBefore, leavesTrace };
}

function firstDifference(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length);
  if (one.compare(other, 0, length, 0, length) === 0) return length;
  let at = 0;
  while (one[at] === other[at]) at++;
  return at;
}

function isUntouched(original: Buffer, bytes: Buffer, start: number, end: number): boolean {
  return end <= bytes.length && original.compare(bytes, start, end, start, end) === 0;
}
