import { isSized } from "./html-growth.ts";
import { shortBytes, shortCount, shortTime } from "./html-numbers.ts";
import { html, type Html } from "./html-text.ts";
import { median, type Ratio, type Results, type Row } from "./results.ts";

type Colours = Map<string, number>;

/** A bar for each subject of each case. */
export function throughputSection({ rows, ratios }: Results, colours: Colours): Html | undefined {
  const suites = [...new Set(rows.map(({ suite }) => suite))].flatMap((suite) => {
    const own = rows.filter((row) => row.suite === suite);
    const cases = [...new Set(own.map((row) => row.case))].flatMap((name) => {
      const ofCase = ({ suite: other, case: another }: Row | Ratio) => other === suite && another === name;
      return barsOf(name, rows.filter(ofCase), ratios.filter(ofCase), colours) ?? [];
    });
    return cases.length === 0
      ? []
      : [
          html`<h3>${suite}</h3>
            ${cases}`,
        ];
  });
  if (suites.length === 0) return undefined;
  return html`<h2>Throughput</h2>
    <p>
      Medians of the rounds; the bracket reaches from the least to the greatest. Each case has a scale of its
      own. In brackets behind the rate: the server's processor time, in percent of a core, and memory.
    </p>
    ${suites}`;
}

/** What a bar shows. */
interface Measure {
  of: (row: Row) => number;
  text: (value: number) => string;
  note: string;
}

const latency = (name: string, of: Measure["of"]): Measure => ({
  of,
  text: shortTime,
  note: `${name}: shorter is better`,
});

/** For cases whose one goal is about something else than rates. */
const measuresByGoal: Record<string, Measure> = {
  p99: latency("p99", (row) => row.p99Ms),
  "p99.9": latency("p99.9", (row) => row.p999Ms),
};

const measures: Measure[] = [
  { of: (row) => row.bytesPerSec ?? 0, text: (bytes) => `${shortBytes(bytes)}/s`, note: "" },
  { of: (row) => row.opsPerSec, text: (count) => `${shortCount(count)}/s`, note: "" },
];

/** Nothing, if the rows have no numbers, or if what ours costs at one size stands beside the other sizes anyway. */
function barsOf(name: string, rows: Row[], ratios: Ratio[], colours: Colours): Html | undefined {
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  if (subjects.length === 1 && rows.every(isSized)) return undefined;
  const byGoal = ratios.length === 1 ? measuresByGoal[ratios[0]!.what] : undefined;
  const measure = byGoal ?? measures.find(({ of }) => rows.every((row) => of(row) > 0));
  if (measure === undefined) return undefined;
  const greatest = Math.max(...rows.map(measure.of));
  return html`<div class="case">
    <div>${name}${measure.note === "" ? undefined : html` <span class="soft">(${measure.note})</span>`}</div>
    ${subjects.map((subject) => {
      const own = rows.filter((row) => row.subject === subject);
      return barOf(subject, own, measure, greatest, colours.get(subject) ?? 0);
    })}
  </div>`;
}

function barOf(subject: string, rows: Row[], { of, text }: Measure, greatest: number, colour: number): Html {
  const percent = (value: number) => `${((value / greatest) * 100).toFixed(1)}%`;
  const numbers = rows.map(of);
  const [low, middle, high] = [Math.min(...numbers), median(numbers), Math.max(...numbers)];
  const bracket = html`<u style="left:${percent(low)};width:${percent(high - low)}"></u>`;
  const cpu = median(rows.map(({ cpuPercent }) => cpuPercent));
  const memory = median(rows.map(({ rssAnonBytes, rssBytes }) => rssAnonBytes ?? rssBytes));
  const server = [...(cpu > 0 ? [`${cpu.toFixed(0)} %`] : []), ...(memory > 0 ? [shortBytes(memory)] : [])];
  return html`<div
    class="bar c${colour}"
    title="${subject}: ${text(low)} – ${text(high)}, rounds: ${rows.length}"
  >
    <span>${subject}</span>
    <span class="track"
      ><i style="width:${percent(middle)}"></i>${rows.length > 1 ? bracket : undefined}</span
    >
    <span
      >${text(middle)} <small class="soft">${server.length > 0 ? `(${server.join(", ")})` : ""}</small></span
    >
  </div>`;
}
