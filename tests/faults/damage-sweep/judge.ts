import { HoldfastError } from "../../../src/lib/errors.ts";
import type { StoreReport } from "../../../src/offline/store-report.ts";
import type { Damage } from "./damages.ts";
import type { Reading } from "./readings.ts";
import { dataDirectory } from "../../offline/rich-store.ts";
import type { Subject } from "./subject.ts";
import { allowedLoss } from "./tail-rule.ts";

export const outcomes = ["identical", "refused", "torn tail announced", "end gone without trace"] as const;

export type Outcome = (typeof outcomes)[number];

/** What came of a damage; throws a Violation if it is anything but what may come of it. */
export function judgeReading(subject: Subject, damage: Damage, reading: Reading): Outcome {
  if ("error" in reading) {
    assertNamesPlace(damage, reading.error);
    return "refused";
  }
  const { lastSeq, difference } = reading;
  if (difference !== undefined) throw new Violation(`silent change: ${difference}`);
  if (lastSeq === subject.lastSeq) return "identical";
  const allowed = allowedLoss(subject, damage.changes);
  if (lastSeq !== allowed?.lastSeq) {
    const most = allowed?.lastSeq ?? subject.lastSeq;
    throw new Violation(`silent loss: it ends with seq ${lastSeq}, and ${most} is vouched for`);
  }
  return allowed.leavesTrace ? "torn tail announced" : "end gone without trace";
}

/** What `check` says has to fit what a start made of the same store. */
export function judgeCheck(
  damage: Damage,
  outcome: Outcome,
  report: StoreReport | { readonly error: unknown },
): void {
  if ("error" in report) {
    // Without log, tables and manifest there is nothing to check; no damage here goes that far.
    throw new Violation(`check threw ${String(report.error)}`);
  }
  const paths = damage.changes.map(({ path }) => path);
  const isNamed = (file: string) => paths.includes(file) || file === dataDirectory;
  const corrupt = report.findings.filter(({ kind }) => kind === "corrupt");
  if (outcome === "refused") {
    const others = corrupt.filter(({ file }) => !isNamed(file));
    if (corrupt.length === 0) throw new Violation("check calls it clean, and it can't be opened");
    // An older manifest may list tables that are gone; and a log is judged by what its parts say of each other.
    const isOfOnePiece = paths.some((path) => path.endsWith(".manifest") || path.endsWith(".wal"));
    if (others.length === corrupt.length && !isOfOnePiece)
      throw new Violation(`check blames ${others[0]!.file}`);
    return;
  }
  if (outcome === "torn tail announced") {
    const isFound = report.findings.some(({ kind, file }) => kind === "torn" && paths.includes(file));
    if (!isFound) throw new Violation("check does not see the torn tail");
    return;
  }
  // No byte is outside a checksum, so one that is another is always found.
  if (damage.offset !== undefined && report.findings.length === 0)
    throw new Violation("check does not see that a byte is another");
}

export function judgeTableCheck(damage: Damage, outcome: Outcome, error: unknown): void {
  if (error === undefined) {
    throw new Violation(
      outcome === "refused" ? "check calls it clean, and it can't be opened" : "check misses it",
    );
  }
  assertNamesPlace(damage, error);
}

/** A refusal is one of ours, and says which file it is, and where: at or before the damage, where a unit begins. */
function assertNamesPlace(damage: Damage, error: unknown): void {
  if (!(error instanceof HoldfastError) || error.code === "ASSERTION_FAILED") {
    throw new Violation(
      `an exception that is no refusal: ${(error as Error)?.stack ?? String(error)}`,
      error,
    );
  }
  // A store that met the damage after its start says that it can't go on, and because of what.
  const cause = error.code === "STORAGE_FAULT" ? error.cause : error;
  const { file, offset } = (cause ?? error) as { file?: string; offset?: number };
  // Each file is whole, but one of them is missing or from another time: the message tells which.
  if (error.code === "STORE_MISMATCH") return;
  if (file === undefined || offset === undefined) throw new Violation(`no place in "${error.message}"`);
  if (damage.offset === undefined) return;
  if (file !== damage.changes[0]!.path || offset > damage.offset)
    throw new Violation(`${file}:${offset} is blamed for byte ${damage.offset}`);
}

export class Violation extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Violation";
  }
}
