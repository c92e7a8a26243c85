import { chart, legend, logTicks, type Line } from "./html-chart.ts";
import { shortTime } from "./html-numbers.ts";
import { html, type Html } from "./html-text.ts";
import { median, type Results, type Row } from "./results.ts";

/** How long the slowest requests took: one more nine with every step to the right. */
export function latencySection({ rows }: Results, colours: Map<string, number>): Html | undefined {
  const curved = rows.filter(({ percentiles = [] }) => percentiles.length > 2);
  if (curved.length === 0) return undefined;
  const suites = [...new Set(curved.map(({ suite }) => suite))];
  return html`<h2>Latency</h2>
    <p>
      The share of requests that took at most so long; each line ends with the longest of all. Thin lines are
      rounds, thick ones their median. In an open loop time runs from the moment at which a request was due;
      in the others from its send, so with many in flight it says how long the queue is.
    </p>
    ${suites.map((suite) =>
      suiteCurves(
        suite,
        curved.filter((row) => row.suite === suite),
        colours,
      ),
    )}`;
}

/** Open where there is something to compare. */
function suiteCurves(suite: string, rows: Row[], colours: Map<string, number>): Html {
  const cases = [...new Set(rows.map((row) => row.case))];
  const isCompared = new Set(rows.map(({ subject }) => subject)).size > 1;
  const charts = cases.map((name) =>
    curveChart(
      name,
      rows.filter((row) => row.case === name),
      colours,
    ),
  );
  return html`<details${isCompared ? html` open` : undefined}>
    <summary>${suite}</summary>
    ${legend(
      colours,
      rows.map(({ subject }) => subject),
    )}
    <div class="charts">${charts}</div>
  </details>`;
}

function curveChart(name: string, rows: Row[], colours: Map<string, number>): Html {
  const lines: Line[] = [];
  for (const subject of new Set(rows.map((row) => row.subject))) {
    const rounds = rows.filter((row) => row.subject === subject).map((row) => curveOf(row.percentiles!));
    const colour = colours.get(subject) ?? 0;
    if (rounds.length > 1)
      for (const points of rounds) lines.push({ colour, name: subject, points, isFaint: true });
    lines.push({ colour, name: subject, points: medianCurve(rounds) });
  }
  const all = lines.flatMap(({ points }) => points);
  const nines = Math.max(2, Math.ceil(Math.log10(Math.max(...all.map(([x]) => x))) - 1e-9));
  return chart({
    title: name,
    x: {
      title: "percentile",
      isLog: true,
      ticks: shares.slice(0, nines + 1).map((text, index) => ({ at: 10 ** index, text })),
    },
    y: {
      isLog: true,
      ticks: logTicks(
        all.map(([, ms]) => ms),
        shortTime,
      ),
    },
    lines,
    unit: " ms",
  });
}

const shares = ["p0", "p90", "p99", "p99.9", "p99.99", "p99.999"];
const inverseMax = 10 ** (shares.length - 1);

/** Over 1 / (1 - share), without the few quickest, and with the longest one at the right edge if it is beyond. */
function curveOf(percentiles: [share: number, ms: number][]): [number, number][] {
  const points = percentiles.map(([share, ms]): [number, number] => [1 / (1 - share), ms]);
  const [, longestMs] = points.pop()!;
  const shown = points.filter(([x]) => x > 1.1 && x < inverseMax);
  return [...shown, [Math.min(inverseMax, 1 / (1 - percentiles.at(-1)![0])), longestMs]];
}

/** At the shares that all rounds have; the last point, the greatest one, is each round's own. */
function medianCurve(rounds: [number, number][][]): [number, number][] {
  if (rounds.length === 1) return rounds[0]!;
  const points: [number, number][] = [];
  const steps = Math.min(...rounds.map((round) => round.length - 1));
  for (let step = 0; step < steps; step++)
    points.push([rounds[0]![step]![0], median(rounds.map((round) => round[step]![1]))]);
  points.push([
    median(rounds.map((round) => round.at(-1)![0])),
    median(rounds.map((round) => round.at(-1)![1])),
  ]);
  return points;
}
