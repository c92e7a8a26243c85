import type { Operation } from "../../support/oracle-types.ts";
import type { Call, History, HistoryOperation, Outcome } from "./history.ts";

/** A history as a table by time: when, who, what, and what came of it. */
export function printHistory({ operations, events }: History): string {
  const rows = [
    ["moments", "ms", "client", "operation", "outcome"],
    ...[
      ...operations.map((operation) => ({ at: operation.invoked, row: rowOf(operation) })),
      ...events.map(({ at, atMs, what }) => ({
        at,
        row: [`${at}`, milliseconds(atMs), "", `--- ${what} ---`, ""],
      })),
    ]
      .sort((a, b) => a.at - b.at)
      .map(({ row }) => row),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One operation in a sentence. */
export function nameOf({ id, client, call }: HistoryOperation): string {
  return `#${id} (${client}: ${callText(call)})`;
}

function rowOf({
  id,
  client,
  call,
  outcome,
  invoked,
  returned,
  invokedMs,
  returnedMs,
}: HistoryOperation): string[] {
  const until = Number.isFinite(returned) ? `${returned}` : "";
  return [
    `${invoked}..${until}`,
    `${milliseconds(invokedMs)}..${milliseconds(returnedMs)}`,
    client,
    `#${id} ${callText(call)}`,
    outcomeText(outcome),
  ];
}

function callText(call: Call): string {
  if (call.kind === "snapshot") return "open a snapshot";
  if (call.kind === "read")
    return call.what + (call.snapshot === undefined ? "" : ` in snapshot #${call.snapshot}`);
  const text = call.operations.map(operationText).join(", ");
  return call.isBatch ? `batch [${text}]` : text;
}

function operationText({ key, type, tag, ifVersion }: Operation): string {
  const condition =
    ifVersion === undefined ? "" : ifVersion === 0 ? " if absent" : ` if version ${ifVersion}`;
  return type === "put" ? `put ${key} = ${tag}${condition}` : `delete ${key}${condition}`;
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case "written":
      return `version ${outcome.version}`;
    case "conflict":
      return `refused: operation ${outcome.operationIndex} met version ${outcome.actualVersion}`;
    case "refused":
      return "refused";
    case "opened":
      return `up to seq ${outcome.seq}`;
    case "shown":
      return [...outcome.entries]
        .map(([key, seen]) =>
          seen === undefined ? `${key} absent` : `${key} = ${seen.tag} (version ${seen.version})`,
        )
        .join(", ");
    case "unknown":
      return "unknown";
  }
}

function milliseconds(ms: number): string {
  return Number.isFinite(ms) ? ms.toFixed(1) : "";
}
