import { Html, html } from "./html-text.ts";

export interface Axis {
  title?: string;
  isLog?: boolean;
  /** Where ticks are and what they say; the first and the last one are the ends, unless the data goes beyond them. */
  ticks: { at: number; text: string }[];
}

export interface Line {
  /** Which colour: the place of its subject. */
  colour: number;
  name: string;
  points: [x: number, y: number][];
  /** Drawn thin, and not read out: one of several of which another line is the median. */
  isFaint?: boolean;
  isDashed?: boolean;
}

/** Something that happened: a line from top to bottom, and a mark below. */
export interface ChartMark {
  x: number;
  kind: "flush" | "compaction";
  colour: number;
  text: string;
}

export interface Chart {
  title: string;
  x: Axis;
  y: Axis;
  lines: Line[];
  marks?: ChartMark[];
  /** Behind a value that is read out. */
  unit: string;
  /** For half a page instead of a third. */
  isWide?: boolean;
}

const widthNarrow = 360;
const widthWide = 540;
const height = 205;
const left = 54;
const right = 14;
const top = 8;
const bottom = 36;
const laneHeight = 11;

/** Lines over two axes. The values under the pointer are read out by the page's script, from the lines themselves. */
export function chart({ title, x, y, lines, marks = [], unit, isWide = false }: Chart): Html {
  // A lane for each kind and subject, those of one kind beside each other.
  const lanes = [...new Set(marks.map(laneOf))].toSorted().toReversed();
  const lanesTop = height - bottom + 8;
  const whole = height + (lanes.length > 0 ? lanes.length * laneHeight + 5 : 0);
  const width = isWide ? widthWide : widthNarrow;
  const plot: Plot = {
    width,
    x: scaleOf(x, left, width - right),
    y: scaleOf(y, height - bottom, top),
    lanes: new Map(lanes.map((lane, index) => [lane, lanesTop + index * laneHeight])),
    textTop: whole - bottom + 14,
  };
  return html`<figure>
    <figcaption>${title}</figcaption>
    <svg
      viewBox="0 0 ${width} ${whole}"
      role="img"
      aria-label="${title}"
      data-x="${plot.x.data}"
      data-y="${plot.y.data}"
      data-unit="${unit}"
    >
      ${y.ticks.map(({ at, text }) => rowOf(plot.y.of(at), text, plot))}
      ${x.ticks.map(({ at, text }) => columnOf(plot.x.of(at), text, plot))}
      ${marks.map((mark) => markOf(mark, plot))}
      ${[...plot.lanes].map(([lane, laneTop]) => laneTitle(lane, laneTop))}
      ${lines.map((line) => lineOf(line, plot))}
      <text class="middle" x="${(left + width - right) / 2}" y="${plot.textTop + 15}">${x.title}</text>
    </svg>
  </figure>`;
}

interface Plot {
  width: number;
  x: Scale;
  y: Scale;
  /** Where each lane of marks begins. */
  lanes: Map<string, number>;
  /** Where the words of the horizontal axis stand. */
  textTop: number;
}

function rowOf(place: number, text: string, { width }: Plot): Html {
  return html`<line class="grid" x1="${left}" x2="${width - right}" y1="${place}" y2="${place}" />
    <text class="end" x="${left - 6}" y="${place + 3.5}">${text}</text>`;
}

function columnOf(place: number, text: string, { textTop }: Plot): Html {
  return html`<line class="grid" x1="${place}" x2="${place}" y1="${top}" y2="${height - bottom}" />
    <text class="middle" x="${place}" y="${textTop}">${text}</text>`;
}

function laneOf({ kind, colour }: ChartMark): string {
  return `${kind} ${colour}`;
}

function laneTitle(lane: string, laneTop: number): Html {
  return html`<text class="end lane" x="${left - 6}" y="${laneTop + 8}">${lane.split(" ")[0]}</text>`;
}

function markOf(mark: ChartMark, { x, lanes }: Plot): Html {
  const { kind, colour, text } = mark;
  const place = x.of(mark.x);
  return html`<g class="mark ${kind} c${colour}">
    <title>${text}</title>
    <line x1="${place}" x2="${place}" y1="${top}" y2="${height - bottom}" />
    <rect x="${place - 3}" y="${lanes.get(laneOf(mark)) ?? 0}" width="6" height="8" />
  </g>`;
}

/** With a dot for each point, where they are few. */
function lineOf({ colour, name, points, isFaint, isDashed }: Line, { x, y }: Plot): Html {
  const classes = ["", ...(isFaint === true ? ["faint"] : []), ...(isDashed === true ? ["dashed"] : [])].join(
    " ",
  );
  const places = points.map(([px, py]) => [x.of(px), y.of(py)] as const);
  const dots = isFaint === true || points.length > dotsMax ? [] : places;
  const radius = points.length === 1 ? 4 : 2.2;
  return html`<polyline class="c${colour}${classes}" data-name="${name}" points="${places.join(" ")}" />
    ${dots.map(([px, py]) => html`<circle class="c${colour}" cx="${px}" cy="${py}" r="${radius}" />`)}`;
}

const dotsMax = 12;

interface Scale {
  /** A value's place, rounded to what can be seen. */
  of(value: number): number;
  /** For the script, which reads places back into values. */
  data: string;
}

function scaleOf({ ticks, isLog = false }: Axis, from: number, to: number): Scale {
  const [low, high] = [ticks[0]!.at, ticks.at(-1)!.at];
  const place = isLog ? Math.log10 : (value: number) => value;
  const [start, span] = [place(low), place(high) - place(low) || 1];
  return {
    of(value) {
      const share = Math.max(
        0,
        Math.min(1, (place(Math.max(value, isLog ? low : -Infinity)) - start) / span),
      );
      return Math.round((from + share * (to - from)) * 10) / 10;
    },
    data: [isLog ? "log" : "linear", start, span, from, to].join(" "),
  };
}

/** Which colour is whose. */
export function legend(colours: Map<string, number>, subjects: Iterable<string>): Html {
  return html`<div class="legend">
    ${[...new Set(subjects)].map(
      (subject) => html`<span class="c${colours.get(subject) ?? 0}"><b>${subject}</b></span>`,
    )}
  </div>`;
}

/** From 0 to beyond the greatest, in round steps. */
export function linearTicks(greatest: number, text: (value: number) => string): Axis["ticks"] {
  const raw = Math.max(greatest, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw)!;
  const count = Math.max(1, Math.ceil(greatest / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => ({ at: index * step, text: text(index * step) }));
}

/** Powers of ten around all the values. */
export function logTicks(values: readonly number[], text: (value: number) => string): Axis["ticks"] {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1e9)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1e-9)) - 1e-9));
  if (positive.length === 0) return [1, 10].map((at) => ({ at, text: text(at) }));
  return Array.from({ length: high - low + 1 }, (_, index) => {
    const at = 10 ** (low + index);
    return { at, text: text(at) };
  });
}
