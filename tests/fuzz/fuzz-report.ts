import type { HonestReport } from "./honest-client.ts";

export interface FuzzReport {
  readonly seed: number;
  readonly seconds: number;
  /** Those that were answered, as they had to be. */
  readonly frames: number;
  readonly framesByRole: Readonly<Record<string, number>>;
  /** The answers, by the name of their status. */
  readonly answers: Readonly<Record<string, number>>;
  readonly visits: number;
  readonly bytesSent: number;
  readonly honest: HonestReport;
  /**
   * What the server had resident at the most, and when the crowd was gone; undefined where the system does
   * not tell.
   */
  readonly residentBytesMax: number | undefined;
  readonly residentBytesAtRest: number | undefined;
  readonly residentBytesBound: number;
  /** The server's own view of its longest stall. */
  readonly eventLoopDelayMsMax: number;
  readonly logBytes: number;
  /** What `wal verify` says after the kill. */
  readonly verdict: string;
  readonly entriesAfterRestart: number;
  /** Empty, if all is well. */
  readonly violations: readonly string[];
}

export function reportText(report: FuzzReport): string {
  const { honest } = report;
  const rate = report.frames / report.seconds;
  const waits = [honest.waitMsMedian, honest.waitMs99, honest.waitMsMax].map((ms) => ms.toFixed(1));
  const lines = [
    ["seed", `${report.seed}`],
    ["frames answered", `${count(report.frames)} in ${report.seconds.toFixed(1)} s, ${count(rate)} a second`],
    ["  of visitors", list(report.framesByRole)],
    ["  with", list(report.answers)],
    ["connections", `${count(report.visits)}, which sent ${mebibytes(report.bytesSent)}`],
    [
      "server, resident",
      `${mebibytes(report.residentBytesMax)} at the most, bound ${mebibytes(report.residentBytesBound)}`,
    ],
    [
      "  without the crowd",
      `${mebibytes(report.residentBytesAtRest)}, of which the log ${mebibytes(report.logBytes)}`,
    ],
    ["server, longest turn", `${count(report.eventLoopDelayMsMax)} ms late`],
    ["honest client", `${count(honest.writes)} writes, ${count(honest.reads)} reads`],
    ["  waited", `${waits[0]} ms (median), ${waits[1]} (99 %), ${waits[2]} (longest)`],
    ["after the kill", `the log is ${report.verdict}, ${count(report.entriesAfterRestart)} entries`],
    ["violations", `${report.violations.length}`],
  ];
  const table = lines.map(([name, value]) => `${name!.padEnd(21)} ${value}`);
  return [...table, ...report.violations.map((violation) => `  ${violation}`)].join("\n");
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? "unknown" : `${count(bytes / (1024 * 1024))} MiB`;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${count(value)}`)
    .join(", ");
}
