import { chart, legend, linearTicks, logTicks, type Axis, type Line } from "./html-chart.ts";
import { shortCount, shortTime } from "./html-numbers.ts";
import { html, type Html } from "./html-text.ts";
import type { Results, Row, Series } from "./results.ts";

/** What an operation, and the store itself, cost as the store grows. */
export function growthSection(results: Results, colours: Map<string, number>): Html | undefined {
  const sized = results.rows.flatMap(sizedRow);
  const loads = results.series.filter(({ points }) => loadPoints(points).length > 1);
  if (sized.length + loads.length === 0) return undefined;
  const phases = [...new Set(sized.map(({ phase }) => phase))];
  const subjects = [...sized.map(({ row }) => row.subject), ...loads.map(({ subject }) => subject)];
  return html`<h2>Cost against size</h2>
    <p>What one operation costs, by how many entries the store holds.</p>
    ${legend(colours, subjects)}
    <div class="charts">
      ${loads.length > 0 ? loadChart(loads, colours) : undefined}
      ${phases.map((phase) =>
        phaseChart(
          phase,
          sized.filter((each) => each.phase === phase),
          colours,
        ),
      )}
      ${storeNumbers.map((number) => storeChart(number, loads, colours))}
    </div>`;
}

interface SizedRow {
  entries: number;
  phase: string;
  row: Row;
}

/** Whether the row is one of a store of a certain size. */
export function isSized(row: Row): boolean {
  return sizedRow(row).length > 0;
}

/** Rows of the scale suite are called "1000000 keys: load", or "10,000,000 keys, 16 connections". */
function sizedRow(row: Row): SizedRow[] {
  const [, entries, phase] = /^([\d,]+) keys[:,] (.+)$/.exec(row.case) ?? [];
  if (entries === undefined || phase === undefined || row.opsPerSec <= 0) return [];
  return [{ entries: Number(entries.replaceAll(",", "")), phase, row }];
}

/** The cost of a put while the largest store of each subject is filled, by what it holds at that moment. */
function loadChart(loads: Series[], colours: Map<string, number>): Html {
  const largest = new Map<string, Series>();
  for (const series of loads) {
    const other = largest.get(series.subject);
    if (other === undefined || sizeOf(series) > sizeOf(other)) largest.set(series.subject, series);
  }
  const lines = [...largest].map(([subject, { points }]): Line => ({
    colour: colours.get(subject) ?? 0,
    name: subject,
    points: loadPoints(points).map(({ entries, perSecond }) => [entries, 1000 / perSecond]),
  }));
  const end = Math.max(...[...largest.values()].map(sizeOf));
  const x = { title: "entries", ticks: linearTicks(end, shortCount) };
  return chart({
    title: "put, while the largest store is filled",
    x,
    y: timeAxis(lines),
    lines,
    unit: " ms",
  });
}

function sizeOf({ points }: Series): number {
  return loadPoints(points).at(-1)?.entries ?? 0;
}

function loadPoints(points: object[]): { entries: number; perSecond: number }[] {
  return points.filter(
    (point): point is { entries: number; perSecond: number } =>
      "entries" in point &&
      "perSecond" in point &&
      typeof point.entries === "number" &&
      typeof point.perSecond === "number",
  );
}

function phaseChart(phase: string, sized: SizedRow[], colours: Map<string, number>): Html {
  const subjects = [...new Set(sized.map(({ row }) => row.subject))];
  const lines = subjects.map((subject): Line => ({
    colour: colours.get(subject) ?? 0,
    name: subject,
    points: sized
      .filter(({ row }) => row.subject === subject)
      .map(({ entries, row }): [number, number] => [entries, 1000 / row.opsPerSec])
      .toSorted(([a], [b]) => a - b),
  }));
  return chart({ title: phase, x: sizeAxis(lines), y: timeAxis(lines), lines, unit: " ms" });
}

interface StoreNumber {
  title: string;
  unit: string;
  of: (series: Series) => unknown;
}

const storeNumbers: StoreNumber[] = [
  {
    title: "memory of the server's own, at most",
    unit: " MB",
    of: (series) => Number(series["rssAnonPeakBytes"]) / 1e6,
  },
  { title: "bytes on disk, after merging", unit: " MB", of: (series) => total(series["diskBytes"]) },
  { title: "restart to ready", unit: " ms", of: (series) => series["readyMs"] },
];

/** A number that each series has once, by the size of its store. */
function storeChart(
  { title, unit, of }: StoreNumber,
  loads: Series[],
  colours: Map<string, number>,
): Html | undefined {
  const bySubject = new Map<string, [number, number][]>();
  for (const series of loads) {
    const value = of(series);
    if (typeof value !== "number" || Number.isNaN(value)) continue;
    bySubject.set(series.subject, [...(bySubject.get(series.subject) ?? []), [sizeOf(series), value]]);
  }
  if (bySubject.size === 0) return undefined;
  const lines = [...bySubject].map(([subject, points]): Line => ({
    colour: colours.get(subject) ?? 0,
    name: subject,
    points: points.toSorted(([a], [b]) => a - b),
  }));
  const greatest = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)));
  return chart({
    title,
    x: sizeAxis(lines),
    y: { ticks: linearTicks(greatest, (value) => `${shortCount(value)}${unit}`) },
    lines,
    unit,
  });
}

function total(bytesByFolder: unknown): number | undefined {
  if (typeof bytesByFolder !== "object" || bytesByFolder === null) return undefined;
  return Object.values(bytesByFolder).reduce((sum: number, bytes) => sum + Number(bytes) / 1e6, 0);
}

function sizeAxis(lines: Line[]): Axis {
  const sizes = lines.flatMap(({ points }) => points.map(([size]) => size));
  return { title: "entries", isLog: true, ticks: logTicks(sizes, shortCount) };
}

function timeAxis(lines: Line[]): Axis {
  const times = lines.flatMap(({ points }) => points.map(([, ms]) => ms));
  return { isLog: true, ticks: logTicks(times, shortTime) };
}
