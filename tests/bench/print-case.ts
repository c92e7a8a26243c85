import { median, megabytes, thousands, type Goal, type Ratio, type Row } from "./results.ts";

/** One case: a line for each subject with the medians of its rounds, and one for each ratio. */
export function printCase(rows: readonly Row[], ratios: readonly (Ratio | undefined)[]): void {
  const [first] = rows;
  if (first === undefined) return;
  console.log(`\n${first.case}`);
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  const width = Math.max(...subjects.map((subject) => subject.length));
  for (const subject of subjects) {
    const line = subjectLine(rows.filter((row) => row.subject === subject));
    console.log(`  ${subject.padEnd(width)}  ${line}`);
  }
  for (const ratio of ratios) if (ratio !== undefined) console.log(`  ${ratioLine(ratio)}`);
}

/** "rate to redis: 2.31 (2.10–2.40), goal ≥ 2: met" */
export function ratioLine(ratio: Ratio): string {
  const { against, what, least, greatest, rounds, goal, relation, met } = ratio;
  const spread = rounds > 1 ? ` (${least.toFixed(2)}–${greatest.toFixed(2)})` : "";
  const sign = relation === ">=" ? "≥" : "≤";
  return `${what} to ${against}: ${ratio.ratio.toFixed(2)}${spread}, goal ${sign} ${goal}: ${met ? "met" : "NOT MET"}`;
}

/** All goals at the end of a run: those that are missed come last, where they are seen. */
export function printGoals(ratios: readonly Ratio[], goals: readonly Goal[]): void {
  const lines = [
    ...ratios.map((ratio) => ({ ...ratio, line: ratioLine(ratio) })),
    ...goals.map((goal) => ({ ...goal, line: goalLine(goal) })),
  ];
  if (lines.length === 0) return;
  const width = Math.max(...lines.map(({ case: name }) => name.length));
  for (const { suite, case: name, line } of lines.toSorted((a, b) => Number(b.met) - Number(a.met)))
    console.log(`  ${suite.padEnd(10)} ${name.padEnd(width)} ${line}`);
  console.log(`  ${lines.filter(({ met }) => met).length} of ${lines.length} goals met`);
}

function goalLine({ what, actual, relation, bound, unit, met }: Goal): string {
  return `${what}: ${shortNumber(actual)} ${unit}, goal ${relation} ${shortNumber(bound)}: ${met ? "met" : "NOT MET"}`;
}

function subjectLine(rows: Row[]): string {
  const of = (numberOf: (row: Row) => number) => median(rows.map(numberOf));
  const ms = (numberOf: (row: Row) => number) => milliseconds(of(numberOf));
  const isInBytes = rows.every(({ bytesPerSec }) => bytesPerSec !== undefined);
  const rateOf = (row: Row) => (isInBytes ? row.bytesPerSec! : row.opsPerSec);
  const format = isInBytes ? megabytes : thousands;
  const rates = rows.map(rateOf);
  const spread = rates.length > 1 ? ` (${format(Math.min(...rates))}–${format(Math.max(...rates))})` : "";
  const own = rows.every(({ rssAnonBytes }) => rssAnonBytes !== undefined)
    ? ` (own ${megabytes(of((row) => row.rssAnonBytes!))})`
    : "";
  const generator = rows.every(({ generatorCpuPercent }) => generatorCpuPercent !== undefined)
    ? ` (generator ${of((row) => row.generatorCpuPercent!).toFixed(0)} %)`
    : "";
  return [
    `${`${format(of(rateOf))}/s${spread}`.padEnd(24)}`,
    `p50 ${ms((row) => row.p50Ms)}, p99 ${ms((row) => row.p99Ms)}, p99.9 ${ms((row) => row.p999Ms)},`,
    `p99.99 ${ms((row) => row.p9999Ms)}, max ${ms((row) => row.maxMs)} ms;`,
    `cpu ${of((row) => row.cpuPercent).toFixed(0)} %${generator}, rss ${megabytes(of((row) => row.rssBytes))}${own}`,
  ].join(" ");
}

/** Three digits, as far as there are. */
function milliseconds(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

function shortNumber(number: number): string {
  return number >= 100 ? Math.round(number).toLocaleString("en") : String(Number(number.toFixed(2)));
}
