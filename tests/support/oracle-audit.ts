import type { Commit, KeyLife, Round } from "./oracle-key.ts";
import type { Page, Violation, Write } from "./oracle-types.ts";

/** Requests of one connection are executed in the order in which they were sent. */
export function connectionsInOrder(round: Round): Violation[] {
  const violations: Violation[] = [];
  const newest = new Map<number, number>();
  for (const { connection, version } of round.writes) {
    if (version === undefined) continue;
    const before = newest.get(connection) ?? 0;
    if (version <= before) {
      const detail = `connection ${connection}: a write sent after version ${before} has version ${version}`;
      violations.push({ rule: "connection-out-of-order", detail });
    }
    newest.set(connection, Math.max(before, version));
  }
  return violations;
}

/**
 * Nothing appears that nobody sent: every seq of the round belongs to a write, known or possible, or to the CHECKPOINT
 * that the store itself begins each further segment with, unless a crash came between the two.
 */
export function seqsAccountedFor(round: Round): Violation[] {
  const violations: Violation[] = [];
  const placed = round.writes.filter(isPlaced).sort((one, other) => one.version - other.version);
  let lastSeq = round.baseSeq;
  let unexplained = 0;
  for (const { version, records } of placed) {
    const gap = version - records - lastSeq;
    if (gap < 0)
      violations.push({ rule: "version-reused", detail: `version ${version} overlaps ${lastSeq}` });
    unexplained += Math.max(gap, 0);
    lastSeq = Math.max(lastSeq, version);
  }
  unexplained += Math.max(round.currentSeq - lastSeq, 0);

  const possible = round.writes
    .filter((write) => write.version === undefined && !write.isRefused)
    .reduce((sum, { records }) => sum + records, 0);
  if (unexplained > possible + round.segmentsBegun) {
    const explained = `those in flight explain ${possible}, and segments ${round.segmentsBegun}`;
    const detail = `${unexplained} seqs belong to no known write, ${explained}`;
    violations.push({ rule: "seqs-unaccounted", detail });
  }
  return violations;
}

/** A write with ifVersion that happened came right after the version that it asked for. */
export function conditionsHeld(round: Round): Violation[] {
  const violations: Violation[] = [];
  for (const write of round.writes.filter(isPlaced)) {
    for (const { key, ifVersion } of write.operations) {
      if (ifVersion === undefined) continue;
      const life = round.lives.get(key)!;
      const before = newestBelow(life, write.version);
      const held =
        ifVersion === 0
          ? !before.isPut || life.deletesInFlight().length > 0
          : before.isPut && before.version === ifVersion;
      if (held) continue;
      const detail = `${key} of version ${write.version} asked for ${ifVersion}, and came after ${before.version}`;
      violations.push({ rule: "condition-ignored", detail });
    }
  }
  return violations;
}

/**
 * One answer shows one instant: with the newest commit that it shows, it shows all older ones. An absence shows no
 * version, so it may mean a later instant, at which everything else must still be as it was shown.
 */
export function pagesWhole(round: Round, pages: readonly Page[]): Violation[] {
  const violations: Violation[] = [];
  for (const { entries, seq } of pages) {
    const instant = seq ?? earliestInstant(round, entries);
    for (const [key, seen] of entries) {
      const isRight =
        seen === undefined
          ? absentFrom(round.lives.get(key)!, instant) === instant
          : seen.version === newestBelow(round.lives.get(key)!, instant + 1).version;
      if (instant < Infinity && isRight) continue;
      const shown = [...entries].map(([name, entry]) => `${name}@${entry?.version ?? "-"}`).join(" ");
      const when = seq === undefined ? "" : `seq ${seq}, `;
      violations.push({
        rule: "torn-page",
        detail: `${key} does not belong to the instant of ${when}${shown}`,
      });
      break;
    }
  }
  return violations;
}

/** The first at which everything can have been as it was shown, as far as absences go; Infinity: none. */
function earliestInstant(round: Round, entries: Page["entries"]): number {
  let instant = Math.max(0, ...[...entries.values()].map((seen) => seen?.version ?? 0));
  for (let before = -1; before < instant;) {
    before = instant;
    for (const [key, seen] of entries) {
      if (seen === undefined) instant = absentFrom(round.lives.get(key)!, instant);
    }
  }
  return instant;
}

/** The first instant, from `instant` on, at which a key can be absent. */
function absentFrom(life: KeyLife, instant: number): number {
  if (!newestBelow(life, instant + 1).isPut || life.deletesInFlight().length > 0) return instant;
  const deletion = life.commits().find(({ version, isPut }) => version > instant && !isPut);
  return deletion?.version ?? Infinity;
}

/** The newest known commit of a key below `version`. */
function newestBelow(life: KeyLife, version: number): Commit {
  const commits = life.commits();
  let low = 0;
  let high = commits.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (commits[middle]!.version < version) low = middle;
    else high = middle - 1;
  }
  return commits[low]!;
}

function isPlaced(write: Write): write is Write & { version: number } {
  return write.version !== undefined;
}
