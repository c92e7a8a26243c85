import { parseTrace, type SystemCall } from "../../support/trace.ts";

/** The lines of a trace, and when each was written. */
export type TimedTrace = readonly { readonly atMs: number; readonly line: string }[];

/** Reads what `strace -f -ttt` has written. */
export function timedLines(text: string): TimedTrace {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+ +)(\d+\.\d+) (.*)$/s.exec(line);
    return match === null ? [] : [{ atMs: Number(match[2]) * 1_000, line: match[1]! + match[3]! }];
  });
}

/** Several processes' traces as one. Two of them touch each other through the kernel alone, and it takes a moment. */
export class MergedTrace {
  readonly calls: SystemCall[];
  readonly #times: readonly number[];

  constructor(traces: readonly TimedTrace[]) {
    const lines = traces.flat();
    // Each tracer writes its lines in order, and the sort is stable; but the clock may be set back.
    if (traces.length > 1) lines.sort((one, other) => one.atMs - other.atMs);
    this.#times = lines.map(({ atMs }) => atMs);
    this.calls = parseTrace(lines.map(({ line }) => line).join("\n"));
  }

  timeOf(line: number): number {
    return this.#times[Math.min(line, this.#times.length - 1)] ?? 0;
  }
}

/** The threads that a trace has lines of. */
export function threadsOf(trace: TimedTrace): Set<number> {
  return new Set(trace.map(({ line }) => Number.parseInt(line, 10)));
}
