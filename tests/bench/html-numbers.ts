import type { Results } from "./results.ts";

/** "612k", "1.7 M", "87" */
export function shortCount(count: number): string {
  if (count >= 999_500) return `${Number((count / 1e6).toPrecision(3))} M`;
  if (count >= 1000) return `${Number((count / 1000).toPrecision(3))}k`;
  return String(Number(count.toPrecision(3)));
}

/** "0.25 ms", "1.2 s" */
export function shortTime(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`;
  if (ms > 0 && ms < 0.1) return `${Number((ms * 1000).toPrecision(3))} µs`;
  return `${Number(ms.toPrecision(3))} ms`;
}

export function shortBytes(bytes: number): string {
  if (bytes >= 1e9) return `${Number((bytes / 1e9).toPrecision(3))} GB`;
  return `${Number((bytes / 1e6).toPrecision(3))} MB`;
}

/** Each subject has one colour on the whole page, and ours always the same one. */
export function coloursOf({ rows, series }: Pick<Results, "rows" | "series">): Map<string, number> {
  const names = new Set([...rows, ...series].map(({ subject }) => subject));
  const ordered = [...names].toSorted((a, b) => Number(b === ours) - Number(a === ours));
  return new Map(ordered.map((name, index) => [name, index % colourCount]));
}

const ours = "holdfast";
const colourCount = 12;
