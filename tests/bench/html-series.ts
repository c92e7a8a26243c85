import { chart, legend, linearTicks, logTicks, type Axis, type ChartMark, type Line } from "./html-chart.ts";
import { shortCount, shortTime } from "./html-numbers.ts";
import { html, type Html } from "./html-text.ts";
import type { Results, SecondPoint } from "./results.ts";

/** Every series that has times and rates, over time, with what the servers did behind the scenes. */
export function seriesSection({ series }: Results, colours: Map<string, number>): Html | undefined {
  const cases = new Map<string, SubjectSeries[]>();
  for (const each of series) {
    const points = each.points.flatMap((point) => secondPoint(point as Record<string, unknown>));
    if (points.length < 2) continue;
    const name = `${each.suite}: ${each.case}`;
    cases.set(name, [...(cases.get(name) ?? []), { subject: each.subject, points }]);
  }
  if (cases.size === 0) return undefined;
  const ends = [...cases.values()].map(endOf);
  const openFrom = ends.toSorted((a, b) => b - a)[openCases - 1] ?? 0;
  return html`<h2>Over time</h2>
    <p>
      Second by second; rounds stand one behind the other. Below each chart: the seconds in which a flush, or
      a compaction, came to its end. A compaction of Redis is the rewriting of its file of operations.
    </p>
    ${[...cases].map(([name, own]) => seriesOf(name, own, endOf(own) >= openFrom, colours))}`;
}

interface SubjectSeries {
  subject: string;
  points: SecondPoint[];
}

function seriesOf(
  name: string,
  series: SubjectSeries[],
  isOpen: boolean,
  colours: Map<string, number>,
): Html {
  const subjects = series.map(({ subject }) => subject);
  return html`<details${isOpen ? html` open` : undefined}>
    <summary>${name}</summary>
    ${legend(colours, subjects)}
    <div class="charts wide">${seriesCharts(series, colours)}</div>
  </details>`;
}

/** The longest ones tell most. */
const openCases = 2;

function endOf(series: SubjectSeries[]): number {
  return Math.max(...series.flatMap(({ points }) => points.map(({ second }) => second)));
}

/** A point as our suites write it, or one of a load by the million; nothing, if it has no rate or no time. */
function secondPoint(point: Record<string, unknown>): SecondPoint[] {
  const store = (point["store"] ?? {}) as Record<string, unknown>;
  const second = point["second"] ?? (typeof point["atMs"] === "number" ? point["atMs"] / 1000 : undefined);
  const opsPerSec = point["opsPerSec"] ?? point["perSecond"];
  if (typeof second !== "number" || typeof opsPerSec !== "number") return [];
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  const rssBytes = number(point["rssBytes"]);
  return [
    {
      second,
      ...(typeof point["round"] === "number" ? { round: point["round"] } : {}),
      opsPerSec,
      p99Ms: number(point["p99Ms"]),
      maxMs: number(point["maxMs"]),
      cpuPercent: number(point["cpuPercent"]),
      rssBytes,
      rssAnonBytes: typeof point["rssAnonBytes"] === "number" ? point["rssAnonBytes"] : rssBytes,
      flushes: number(point["flushes"] ?? store["flushes"]),
      compactions: number(point["compactions"] ?? store["compactions"]),
    },
  ];
}

function seriesCharts(subjects: SubjectSeries[], colours: Map<string, number>): Html[] {
  const all = subjects.flatMap(({ points }) => points);
  const end = Math.max(...all.map(({ second }) => second));
  const x: Axis = {
    title: "seconds",
    ticks: linearTicks(end, (second) => String(Number(second.toFixed(3)))),
  };
  const marks = subjects.flatMap(({ subject, points }) =>
    marksOf(points, subject, colours.get(subject) ?? 0),
  );
  const linesOf = (of: (point: SecondPoint) => number, suffix = "", more: Partial<Line> = {}): Line[] =>
    subjects.flatMap(({ subject, points }) =>
      roundsOf(points).map((round) => ({
        colour: colours.get(subject) ?? 0,
        name: `${subject}${suffix}`,
        points: round.map((point): [number, number] => [point.second, of(point)]),
        ...more,
      })),
    );
  const isWide = true;
  const linear = (title: string, unit: string, of: (point: SecondPoint) => number) => {
    const ticks = linearTicks(Math.max(...all.map(of)), (value) => `${shortCount(value)}${unit}`);
    return chart({ title, x, y: { ticks }, lines: linesOf(of), marks, unit, isWide });
  };
  const latencies = all.flatMap(({ p99Ms, maxMs }) => [p99Ms, maxMs]);
  return [
    linear("Requests a second", "", (point) => point.opsPerSec),
    chart({
      title: "Latency: p99, and the longest of each second (dashed)",
      x,
      y: { isLog: true, ticks: logTicks(latencies, shortTime) },
      lines: [
        ...linesOf((point) => point.p99Ms, " p99"),
        ...linesOf((point) => point.maxMs, " max", { isDashed: true }),
      ],
      marks,
      unit: " ms",
      isWide,
    }),
    linear("Processor time of the server, of a core", " %", (point) => point.cpuPercent),
    linear("Memory of the server's own", " MB", (point) => (point.rssAnonBytes ?? point.rssBytes) / 1e6),
  ];
}

/** A line ends with its round. */
function roundsOf(points: SecondPoint[]): SecondPoint[][] {
  const rounds: SecondPoint[][] = [];
  for (const point of points) {
    const last = rounds.at(-1);
    if (last !== undefined && last[0]!.round === point.round) last.push(point);
    else rounds.push([point]);
  }
  return rounds;
}

/** Where a count has grown since the point before. A round's counts begin with it, others long before. */
function marksOf(points: SecondPoint[], subject: string, colour: number): ChartMark[] {
  const marks: ChartMark[] = [];
  for (const round of roundsOf(points)) {
    for (const [index, point] of round.entries()) {
      const before = round[index - 1] ?? (point.round === undefined ? point : undefined);
      for (const { kind, name } of kinds) {
        const grown = (point[name] ?? 0) - (before?.[name] ?? 0);
        if (grown > 0) marks.push({ x: point.second, kind, colour, text: `${subject}: ${grown} ${name}` });
      }
    }
  }
  return marks;
}

const kinds = [
  { kind: "flush", name: "flushes" },
  { kind: "compaction", name: "compactions" },
] as const;
