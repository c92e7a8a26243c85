import type { RoundReport } from "../support/kill-rounds.ts";

/** What all rounds came to, in lines. Whoever prints it has met no violation. */
export function summaryOf(reports: readonly RoundReport[]): string[] {
  const sum = (of: (report: RoundReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  const recoveries = reports.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  const median = Math.round(recoveries[recoveries.length >> 1] ?? 0);
  const longest = Math.round(recoveries.at(-1) ?? 0);
  const writers = reports.map(({ shape }) => shape.writers);
  const snapshotsOutlived =
    `${sum((report) => report.snapshotsOutlivedFlushes)} over a flush, ` +
    `${sum((report) => report.snapshotsOutlivedCompactions)} over a compaction`;
  return [
    `rounds            ${reports.length}, each with ${Math.min(...writers)} to ${Math.max(...writers)} writers`,
    `kills             ${sum(({ kills }) => kills)}`,
    `torn tails made   ${sum(({ hadTornTail }) => (hadTornTail ? 1 : 0))}`,
    `writes acked      ${sum(({ acknowledged }) => acknowledged)}`,
    `reads checked     ${sum(({ reads }) => reads)}`,
    `flushes           ${sum(({ flushes }) => flushes)}, ${sum(({ prunes }) => prunes)} segments pruned`,
    `compactions       ${sum(({ compactions }) => compactions)}`,
    `manifests         ${sum(({ manifestRewrites }) => manifestRewrites)} written anew, beside those of starts`,
    `checks            ${sum(({ checks }) => checks)} of the whole store, all clean`,
    `snapshots         ${sum(({ snapshots }) => snapshots)} held, ${snapshotsOutlived}`,
    `backups           ${sum(({ backups }) => backups)} opened, of ${sum(({ backupsBegun }) => backupsBegun)} begun`,
    `restart to ready  median ${median} ms, longest ${longest} ms`,
    `violations        0`,
  ];
}
