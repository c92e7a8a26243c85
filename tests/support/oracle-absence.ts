import type { KeyLife, Round } from "./oracle-key.ts";
import type { Write } from "./oracle-types.ts";

/**
 * Whether some delete that was in flight can be the reason why `key`, whose newest known version is `version`, is
 * gone. Says no only when it is impossible: a delete leaves no version behind, so its place is an interval.
 */
export function explainsAbsence(round: Round, key: string, version: number): boolean {
  const life = round.lives.get(key)!;
  return life.deletesInFlight().some((write) => {
    const { ifVersion } = life.operationOf(write);
    return (ifVersion === undefined || ifVersion === version) && fitsAfter(round, write, life, version);
  });
}

/** Whether a write of unknown version, which shows nowhere, can have happened after `version`. */
function fitsAfter(round: Round, write: Write, life: KeyLife, version: number): boolean {
  const neighbours = placesOnItsConnection(round, write);
  const earliest = Math.max(version, write.floorSeq, neighbours.after) + write.records;
  let latest = Math.min(round.currentSeq, neighbours.before);
  for (const { key } of write.operations) {
    if (key === life.key) continue;
    const other = round.lives.get(key)!;
    const seen = round.entries.get(key);
    if (seen !== undefined) latest = Math.min(latest, seen.version - 1);
    else if (other.operationOf(write).type === "put" && !hasOtherDelete(other, write)) {
      // Its put was overwritten by a delete, and the newest one that is known is the only one there can be.
      latest = Math.min(latest, other.newest.isPut ? -1 : other.newest.version - 1);
    }
  }
  return earliest <= latest;
}

/** The versions between which a write lies because its connection's requests are executed in order. */
function placesOnItsConnection(round: Round, write: Write): { after: number; before: number } {
  let after = 0;
  let before = Number.MAX_SAFE_INTEGER;
  let isBehind = false;
  for (const other of round.writes) {
    if (other === write) isBehind = true;
    else if (other.connection === write.connection && other.version !== undefined) {
      if (isBehind) before = Math.min(before, other.version - other.records);
      else after = Math.max(after, other.version);
    }
  }
  return { after, before };
}

function hasOtherDelete(life: KeyLife, write: Write): boolean {
  return life.deletesInFlight().some((other) => other !== write);
}
