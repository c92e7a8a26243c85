import { dirname, join } from "node:path";
import { lastNumberOf, pathOf, type SystemCall } from "../../support/trace.ts";

/** One call of a life: which, of which file, and which of these. It has this name in every run. */
export interface Cell {
  readonly kind: string;
  /** Below the data directory, with its number: "wal/000000000001.wal"; "", "..", "../.." above. */
  readonly path: string;
  /** Counted over all threads, from 1. */
  readonly nth: number;
  /** It may create the file. */
  readonly creates: boolean;
  /** Something was written to the file before. */
  readonly isWritten: boolean;
  /** So many were written or read; 0 for other kinds. */
  readonly bytes: number;
  /** At this offset. */
  readonly offset: number;
}

/** The parts of a store, and what is above them. */
export const parts = ["wal", "manifest", "tables", "above"] as const;

export type Part = (typeof parts)[number];

export function partOf(path: string): Part {
  return parts.find((part) => path === part || path.startsWith(`${part}/`)) ?? "above";
}

/** Every path of a store that has not been through much, and of the directories above, which a start syncs. */
export function pathsOfStore(dataDirectory: string, only?: Part): string[] {
  const named = (part: Part, names: readonly string[]) => {
    const directory = join(dataDirectory, part);
    return [directory, ...names.flatMap((name) => [join(directory, name), join(directory, `${name}.tmp`)])];
  };
  const above = [dataDirectory];
  while (above.at(-1) !== "/") above.push(dirname(above.at(-1)!));
  const all: Record<Part, string[]> = {
    wal: named("wal", ["LOCK", ...numbers(20, ".wal"), ...leftInLog]),
    manifest: named("manifest", numbers(20, ".manifest")),
    tables: named("tables", [...numbers(tableNumberMax, ".table"), ...leftInTables]),
    above,
  };
  return only === undefined ? parts.flatMap((part) => all[part]) : all[only];
}

/** Each flush and each merge reserves more numbers than it needs, so that few of them ever stand for a file. */
const tableNumberMax = 1_000;

/** What the second life finds that nobody finished, and the torn tail that it puts aside. */
const leftInLog = ["000000000099.wal", "000000000003-487.torn"];
const leftInTables = ["000000009999.table"];

const numbers = (count: number, ending: string): string[] =>
  Array.from({ length: count }, (_, index) => `${index + 1}`.padStart(12, "0") + ending);

/** A call, and what it is called. */
export interface NamedCall {
  readonly call: SystemCall;
  readonly cell: Cell;
}

/**
 * The calls of a trace that are a store's, in the order in which they began. What Bun looks for above the store, before
 * the program begins, is none of them.
 */
export function namedCalls(calls: readonly SystemCall[], dataDirectory: string): NamedCall[] {
  const counts = new Map<string, number>();
  const written = new Set<string>();
  let hasBegun = false;
  return calls.flatMap((call) => {
    const path = relativePath(pathOf(call), dataDirectory);
    if (path === undefined) return [];
    hasBegun ||= !path.startsWith("..");
    if (!hasBegun || (call.name === "getdents64" && path.startsWith(".."))) return [];
    const place = `${call.name} ${path}`;
    const nth = (counts.get(place) ?? 0) + 1;
    counts.set(place, nth);
    const isTransfer = call.name === "pwrite64" || call.name === "pread64";
    if (call.name === "pwrite64") written.add(path);
    const cell: Cell = {
      kind: call.name,
      path,
      nth,
      creates: call.name === "openat" && call.argumentText.includes("O_CREAT"),
      isWritten: written.has(path),
      bytes: isTransfer ? Math.max(0, call.result) : 0,
      offset: isTransfer ? lastNumberOf(call) : 0,
    };
    return [{ call, cell }];
  });
}

export const nameOfCell = ({ kind, path, nth }: Pick<Cell, "kind" | "path" | "nth">): string =>
  `${kind} ${path || "."} ${nth}`;

function relativePath(path: string, dataDirectory: string): string | undefined {
  if (path === dataDirectory) return "";
  if (path.startsWith(`${dataDirectory}/`)) return path.slice(dataDirectory.length + 1);
  let steps = "..";
  for (let above = dirname(dataDirectory); ; above = dirname(above), steps += "/..") {
    if (path === above) return steps;
    if (above === "/") return undefined;
  }
}
