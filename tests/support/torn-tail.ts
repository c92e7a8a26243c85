import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { segmentHeaderBytes } from "../../src/wal/format.ts";
import { readGroups } from "./log-end.ts";
import { segmentNamesOf } from "./recovered-store.ts";

/**
 * A killed process leaves all that it had written, so its tail is never torn, only its last group perhaps unsynced.
 * A power cut can leave a part of a write that was never acknowledged: zeros, garbage, or the beginning of a group.
 * Returns whether there was a log to append it to.
 */
export function tearTail(dataDirectory: string, random: Random): boolean {
  const last = segmentNamesOf(dataDirectory).at(-1);
  if (last === undefined) return false;
  const path = join(dataDirectory, "wal", last);
  const count = 1 + randomBelow(random, 2_000);
  const kind = randomBelow(random, 3);
  const groups = readGroups(path);
  const tail =
    kind === 0 ? Buffer.alloc(count) : kind === 1 ? randomBytes(random, count) : staleCopy(groups, count);
  writeFileSync(path, Buffer.concat([groups, tail]));
  return true;
}

/** Bytes of an older group again: checksummed, but for another place. */
function staleCopy(segment: Buffer, count: number): Buffer {
  return Buffer.from(segment.subarray(segmentHeaderBytes, segmentHeaderBytes + count));
}
