import { entryBytes } from "./numbered-entries.ts";
import { isMet, median, megabytes, thousands, type Goal } from "./results.ts";
import { scanRawCase, type Findings } from "./scale-run.ts";

/** What is expected of a store of any size, and how it did. */
export function goalsOf(findings: Findings, subject: string): Goal[] {
  const { entryCount, load, points, crash } = findings;
  const rates = points.map((point) => point.perSecond);
  const goal = (
    what: string,
    actual: number,
    relation: Goal["relation"],
    bound: number,
    unit: string,
  ): Goal => ({
    suite: "scale",
    case: `${entryCount} keys`,
    subject,
    what,
    actual,
    relation,
    bound,
    unit,
    met: isMet(actual, relation, bound),
  });
  const goals = [
    goal("longest time without an ack", load.pauseMsMax, "<", 100, "ms"),
    goal("memory of its own, at most", findings.rssAnonPeakBytes / 1e6, "<", 700, "MB"),
    goal("scan over the wire", rateOf(findings, scanRawCase), ">=", 1e6, "entries/s"),
    goal("restart to ready", findings.readyMs / 1000, "<", 1, "s"),
    goal("restart to ready after SIGKILL", crash.readyMs / 1000, "<", 2, "s"),
    goal("acknowledged and lost", crash.lost, "=", 0, "writes"),
  ];
  // Below that a stretch is shorter than a million, and the compiler's warm-up is one of them; and the one segment of
  // the log that every store has weighs more than what is measured.
  if (entryCount < entriesForRatios) return goals;
  return [
    goal("slowest million of the load, to the median", Math.min(...rates) / median(rates), ">=", 0.5, ""),
    goal("bytes on disk, to those of the entries", diskRatio(findings), "<=", 1.2, ""),
    ...goals,
  ];
}

const entriesForRatios = 5_000_000;

/** The cost of an operation as the store grows, as a page wants it. */
export function growthTable(all: Findings[]): string {
  const columns: { title: string; cell: (findings: Findings) => string }[] = [
    { title: "keys", cell: ({ entryCount }) => millions(entryCount) },
    { title: "put", cell: (findings) => cost(rateOf(findings, "load")) },
    {
      title: "slowest million",
      cell: ({ points, entryCount }) =>
        entryCount < entriesForRatios ? "–" : cost(Math.min(...points.map((point) => point.perSecond))),
    },
    { title: "longest without an ack", cell: ({ load }) => `${load.pauseMsMax.toFixed(0)} ms` },
    { title: "get", cell: (findings) => cost(rateOf(findings, "get, existing keys")) },
    { title: "get, 10 % absent", cell: (findings) => cost(rateOf(findings, "get, 10 % absent keys")) },
    { title: "scan, entries/s", cell: (findings) => thousands(rateOf(findings, scanRawCase)) },
    { title: "memory", cell: ({ rssAnonPeakBytes }) => megabytes(rssAnonPeakBytes) },
    { title: "disk / raw", cell: (findings) => diskRatio(findings).toFixed(2) },
    { title: "written / raw", cell: (findings) => amplification(findings) },
    { title: "restart", cell: ({ readyMs }) => `${Math.round(readyMs)} ms` },
    { title: "restart after SIGKILL", cell: ({ crash }) => `${Math.round(crash.readyMs)} ms` },
  ];
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(() => "---:")),
    ...all.map((findings) => line(columns.map(({ cell }) => cell(findings)))),
  ].join("\n");
}

function rateOf({ rows, entryCount }: Findings, name: string): number {
  return rows.find((row) => row.case === `${entryCount} keys: ${name}`)?.opsPerSec ?? 0;
}

function diskRatio({ diskBytes, entryCount }: Findings): number {
  const bytes = Object.values(diskBytes).reduce((sum, folder) => sum + folder, 0);
  return bytes / (entryCount * entryBytes);
}

/** By the store's account; the kernel's, in brackets, counts whole pages, and so each small sync as one. */
function amplification({ writtenBytes, writtenBytesByKernel, entryCount }: Findings): string {
  const rawBytes = entryCount * entryBytes;
  const own = writtenBytes === undefined ? "–" : (writtenBytes / rawBytes).toFixed(1);
  return `${own} (${(writtenBytesByKernel / rawBytes).toFixed(1)})`;
}

/** "1.35 µs (740k/s)" */
function cost(perSecond: number): string {
  return `${(1e6 / perSecond).toFixed(2)} µs (${thousands(perSecond)}/s)`;
}

function millions(count: number): string {
  return `${Number((count / 1e6).toFixed(2))} M`;
}
