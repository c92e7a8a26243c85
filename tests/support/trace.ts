/** One system call, as strace saw it. */
export interface SystemCall {
  readonly thread: number;
  /** Without the "at" or "at2" that some architectures have behind mkdir, rename and unlink. */
  readonly name: string;
  /** As strace prints them, strings and paths in hex. */
  readonly argumentText: string;
  /** The line at which it began. What other lines lie before it had happened by then. */
  readonly begin: number;
  /** The line at which it returned; Infinity: never. */
  readonly end: number;
  /** NaN: it never returned. */
  readonly result: number;
  /** "EIO" and the like; undefined if it succeeded. */
  readonly error: string | undefined;
  readonly isInjected: boolean;
}

/**
 * Reads the output of `strace -f -y -xx -o`. One tracer sees the stops of all threads one after the other, so the
 * order of the lines is the order of events: a line without "unfinished" is a call that began and returned with
 * nothing in between, else each of its two lines stands where that half happened.
 */
export function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<number, { name: string; argumentText: string; begin: number; index: number }>();
  for (const [line, content] of text.split("\n").entries()) {
    const match = /^(\d+) +(.*)$/.exec(content);
    if (match === null) continue;
    const thread = Number(match[1]);
    const rest = match[2]!;
    // Signals and ends; and calls that a kill met so early that not even their names were read.
    if (/^(\+\+\+|---|\?\?\?\(|<\.\.\. \?\?\? resumed)/.test(rest)) continue;

    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/s.exec(rest);
    if (resumed !== null) {
      const started = unfinished.get(thread);
      if (started === undefined || !resumed[1]!.startsWith(started.name))
        throw new Error(`Line ${line + 1} resumes nothing`);
      unfinished.delete(thread);
      const { argumentText, ...outcome } = readOutcome(resumed[2]!, line);
      const { name, begin, index } = started;
      calls[index] = { thread, name, begin, argumentText: started.argumentText + argumentText, ...outcome };
      continue;
    }
    const call = /^(\w+)\((.*)$/s.exec(rest);
    if (call === null)
      throw new Error(`Line ${line + 1} of the trace is no system call: ${rest.slice(0, 80)}`);
    const name = call[1]!.replace(/^(mkdir|rename|unlink)at2?$/, "$1");
    const tail = call[2]!;
    if (tail.endsWith("<unfinished ...>")) {
      const argumentText = tail.slice(0, -"<unfinished ...>".length).trimEnd();
      unfinished.set(thread, { name, argumentText, begin: line, index: calls.length });
      const never = { end: Infinity, result: NaN, error: undefined, isInjected: false };
      calls.push({ thread, name, argumentText, begin: line, ...never });
    } else {
      calls.push({ thread, name, begin: line, ...readOutcome(tail, line) });
    }
  }
  return calls;
}

/** The path, or "socket:[…]", behind the descriptor that is a call's first argument. */
export function descriptorOf(call: SystemCall): string {
  const match = /^\d+<((?:\\x[0-9a-f]{2})*)>/.exec(call.argumentText);
  return match === null ? "" : unhex(match[1]!).toString();
}

/** The strings among a call's arguments: paths, or bytes that are written. */
export function stringsOf(call: SystemCall): Buffer[] {
  if (call.argumentText.includes('"...')) throw new Error(`The trace cuts the strings of ${call.name} short`);
  return [...call.argumentText.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => unhex(match[1]!));
}

/** The path that a call works on, by descriptor or by name: for a rename, the old one. */
export function pathOf(call: SystemCall): string {
  return descriptorOf(call) || String(stringsOf(call)[0] ?? "");
}

/** Where in a store a call works, without numbers: "wal/*.wal.tmp", "tables"; undefined: elsewhere. */
export function placeOf(call: SystemCall, dataDirectory: string): string | undefined {
  const path = pathOf(call);
  if (path !== dataDirectory && !path.startsWith(`${dataDirectory}/`)) return undefined;
  return path.slice(dataDirectory.length + 1).replace(/\d{12}/, "*");
}

/** The last argument, as a number: where a pwrite64 writes, or to where ftruncate cuts. */
export function lastNumberOf(call: SystemCall): number {
  return Number(/(-?\d+)$/.exec(call.argumentText)![1]);
}

function readOutcome(tail: string, line: number): Omit<SystemCall, "thread" | "name" | "begin"> {
  const match = /^(.*)\) += (\?|-?\d+|0x[0-9a-f]+)(<[^>]*>)?( E[A-Z]+)?/s.exec(tail);
  if (match === null) throw new Error(`This is no end of a system call: ${tail.slice(-80)}`);
  const [, argumentText = "", result, , error] = match;
  // A question mark: the process ended first, so the call never returned.
  const outcome = result === "?" ? { end: Infinity, result: NaN } : { end: line, result: Number(result) };
  return { argumentText, ...outcome, error: error?.trim(), isInjected: tail.includes("(INJECTED") };
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
