import type { Seen } from "../../support/oracle-types.ts";
import { recordsOf, type Call, type HistoryOperation } from "./history.ts";
import { ViolationFound } from "./history-violation.ts";
import { nameOf } from "./print-history.ts";

/** The version that a key must have; 0: it must be absent. */
export interface Requirement {
  readonly key: string;
  readonly version: number;
}

/** What an operation needs to find, takes of the sequence numbers, and leaves behind. */
export interface Deed {
  readonly operation: HistoryOperation;
  readonly records: number;
  readonly requires: readonly Requirement[];
  readonly changes: readonly { readonly key: string; readonly isPut: boolean }[];
}

/** A write whose version is known; or the opening of a snapshot, whose seq is a place among the writes, too. */
export interface Step extends Deed {
  readonly version: number;
}

/** A read, or a refused condition: something that must be true at one moment, and changes nothing. */
export interface Look {
  readonly operation: HistoryOperation;
  readonly requires: readonly Requirement[];
}

export interface CommitOrder {
  /** By version; a snapshot comes behind the writes that it shows. */
  readonly steps: readonly Step[];
  /** In the order of the calls. */
  readonly looks: readonly Look[];
  /** Writes of which nobody knows whether they happened, and of which no value was ever seen. */
  readonly doubts: readonly Deed[];
  /** Versions of each key that a conflict or a condition names, and no step has: a write in doubt may have had them. */
  readonly named: ReadonlyMap<string, readonly number[]>;
}

/**
 * The order in which writes took effect, as far as anybody was told: an acknowledgement names a version, and a value
 * that is seen names its write, which then has the version that stood beside the value. Throws what is wrong already.
 */
export function commitOrder(operations: readonly HistoryOperation[]): CommitOrder {
  const versions = versionsOf(operations);
  const shown = snapshotContents(operations);
  const steps: Step[] = [];
  const looks: Look[] = [];
  const doubts: Deed[] = [];
  for (const operation of operations) {
    const { call, outcome } = operation;
    if (call.kind === "write") {
      const version = versions.get(operation);
      if (version !== undefined) steps.push({ ...deedOf(operation, call), version });
      else if (outcome.kind === "unknown") doubts.push(deedOf(operation, call));
      else if (outcome.kind === "conflict")
        looks.push({ operation, requires: conflictRequires(operation, call) });
    } else if (outcome.kind === "opened") {
      const requires = requirementsOf(shown.get(operation.id) ?? new Map());
      steps.push({ operation, version: outcome.seq, records: 0, requires, changes: [] });
    } else if (outcome.kind === "shown" && call.kind === "read" && call.snapshot === undefined) {
      looks.push({ operation, requires: requirementsOf(outcome.entries) });
    }
  }
  // Stable, so that snapshots of one seq stay in the order of their calls.
  steps.sort((a, b) => a.version - b.version || Number(a.records === 0) - Number(b.records === 0));
  assertOneWriteAVersion(steps);
  return { steps, looks, doubts, named: unexplainedVersions(operations, steps) };
}

/** Of acknowledged writes, and of those whose value somebody saw. */
function versionsOf(operations: readonly HistoryOperation[]): Map<HistoryOperation, number> {
  const versions = new Map<HistoryOperation, number>();
  const writers = new Map<string, HistoryOperation>();
  for (const operation of operations) {
    const { call, outcome } = operation;
    if (outcome.kind === "written") versions.set(operation, outcome.version);
    if (call.kind !== "write") continue;
    for (const { key, type, tag } of call.operations)
      if (type === "put") writers.set(`${tag} ${key}`, operation);
  }
  for (const reader of operations) {
    if (reader.outcome.kind !== "shown") continue;
    for (const [key, seen] of reader.outcome.entries) {
      if (seen === undefined) continue;
      const writer = writers.get(`${seen.tag} ${key}`);
      if (writer === undefined) {
        const detail = `${nameOf(reader)} shows value ${seen.tag} at ${key}, which nobody wrote there`;
        throw new ViolationFound("never-written", detail, [reader.id]);
      }
      const ids = [writer.id, reader.id];
      if (writer.outcome.kind === "conflict" || writer.outcome.kind === "refused") {
        const detail = `${nameOf(reader)} shows what ${nameOf(writer)} did not write: that was refused`;
        throw new ViolationFound("refused-but-applied", detail, ids);
      }
      const version = versions.get(writer) ?? seen.version;
      if (version !== seen.version) {
        const detail = `${nameOf(writer)} has version ${version}, and ${seen.version} in ${nameOf(reader)}`;
        throw new ViolationFound("version-unclear", detail, ids);
      }
      versions.set(writer, version);
    }
  }
  return versions;
}

/** What each snapshot shows, of all reads of it together. */
function snapshotContents(
  operations: readonly HistoryOperation[],
): Map<number, Map<string, Seen | undefined>> {
  const contents = new Map<number, Map<string, Seen | undefined>>();
  for (const { id, call, outcome } of operations) {
    if (call.kind !== "read" || call.snapshot === undefined || outcome.kind !== "shown") continue;
    const shown = contents.get(call.snapshot) ?? new Map<string, Seen | undefined>();
    contents.set(call.snapshot, shown);
    for (const [key, seen] of outcome.entries) {
      const before = shown.get(key);
      if (shown.has(key) && (before?.version !== seen?.version || before?.tag !== seen?.tag)) {
        const detail = `${key} has version ${before?.version ?? 0} in snapshot #${call.snapshot}, and then ${seen?.version ?? 0}`;
        throw new ViolationFound("snapshot-changed", detail, [call.snapshot, id]);
      }
      shown.set(key, seen);
    }
  }
  return contents;
}

function requirementsOf(entries: ReadonlyMap<string, Seen | undefined>): Requirement[] {
  return [...entries].map(([key, seen]) => ({ key, version: seen?.version ?? 0 }));
}

function deedOf(operation: HistoryOperation, call: Call & { kind: "write" }): Deed {
  return {
    operation,
    records: recordsOf(call),
    requires: call.operations.flatMap(({ key, ifVersion }) =>
      ifVersion === undefined ? [] : [{ key, version: ifVersion }],
    ),
    changes: call.operations.map(({ key, type }) => ({ key, isPut: type === "put" })),
  };
}

/** A conflict in one operation of a batch says of those before it that their conditions hold. */
function conflictRequires(operation: HistoryOperation, call: Call & { kind: "write" }): Requirement[] {
  if (operation.outcome.kind !== "conflict") return [];
  const { operationIndex, actualVersion } = operation.outcome;
  const refused = call.operations[operationIndex];
  if (refused?.ifVersion === undefined || refused.ifVersion === actualVersion) {
    const detail = `${nameOf(operation)} conflicts in operation ${operationIndex}, with version ${actualVersion}`;
    throw new ViolationFound("refused-wrongly", detail, [operation.id]);
  }
  const held = call.operations.slice(0, operationIndex);
  return [
    ...held.flatMap(({ key, ifVersion }) => (ifVersion === undefined ? [] : [{ key, version: ifVersion }])),
    { key: refused.key, version: actualVersion },
  ];
}

function assertOneWriteAVersion(steps: readonly Step[]): void {
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (before === undefined || before.version !== step.version || step.records === 0) continue;
    const detail = `${nameOf(before.operation)} and ${nameOf(step.operation)} both have version ${step.version}`;
    throw new ViolationFound("version-unclear", detail, [before.operation.id, step.operation.id]);
  }
}

function unexplainedVersions(
  operations: readonly HistoryOperation[],
  steps: readonly Step[],
): Map<string, number[]> {
  const explained = new Set<string>();
  for (const { changes, version } of steps)
    for (const { key, isPut } of changes) if (isPut) explained.add(`${key} ${version}`);
  const named = new Map<string, Set<number>>();
  const name = (key: string, version: number) => {
    if (version === 0 || explained.has(`${key} ${version}`)) return;
    named.set(key, (named.get(key) ?? new Set()).add(version));
  };
  for (const { call, outcome } of operations) {
    if (call.kind !== "write") continue;
    for (const { key, ifVersion = 0 } of call.operations) name(key, ifVersion);
    if (outcome.kind === "conflict")
      name(call.operations[outcome.operationIndex]!.key, outcome.actualVersion);
  }
  return new Map([...named].map(([key, versions]) => [key, [...versions]]));
}
