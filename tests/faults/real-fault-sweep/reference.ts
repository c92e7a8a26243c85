import { join } from "node:path";
import { pathOf, stringsOf, type SystemCall } from "../../support/trace.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { nameOfCell, namedCalls, partOf, pathsOfStore, type Cell } from "./calls.ts";
import { lifeNames, type LifeName } from "./life.ts";
import { besideStore, callsApart, kindsApart, SweptStore } from "./store.ts";
import { coveredKinds } from "./ways.ts";

/** One call of a life that nothing happens to, and where it is met, counted as strace does: for each thread. */
export interface ReferenceCall {
  readonly life: LifeName;
  readonly cell: Cell;
  /** The n-th of its kind on the whole store, on its part of it, and on its file. */
  readonly nthOf: Readonly<Record<Scope, number>>;
}

/** Which calls are counted: the fewer, the surer is which one is met, and the less shows of the others. */
export type Scope = "store" | "part" | "file" | "file, apart";

export function pathsOf({ path }: Cell, dataDirectory: string, scope: Scope): string[] {
  if (scope === "store") return pathsOfStore(dataDirectory);
  if (scope === "part") return pathsOfStore(dataDirectory, partOf(path));
  const above = pathsOfStore(dataDirectory, "above");
  const file = path.startsWith("..") ? above[path.split("/").length]! : join(dataDirectory, path);
  return scope === "file" ? [file] : [file, besideStore(dataDirectory)];
}

export interface Reference {
  readonly calls: readonly ReferenceCall[];
  /** Every kind of call that was seen. */
  readonly kinds: ReadonlySet<string>;
  /** Those that not every run made: a seal more or less, as time will have it. */
  readonly unsteady: ReadonlySet<ReferenceCall>;
}

/** All system calls of both lives on the paths of the store, each life played several times. */
export async function playReference(): Promise<Reference> {
  // The lives side by side, but of each life one run after the other.
  const runsOf = await Promise.all(lifeNames.map(playSeveral));
  const calls = runsOf.flatMap((runs) =>
    runs.reduce((all, run) => [...all, ...missingIn(all, run)], [] as readonly ReferenceCall[]),
  );
  const isInAll = ({ life, cell }: ReferenceCall) => {
    const name = nameOfCall({ life, cell });
    const ofLife = runsOf[lifeNames.indexOf(life)]!;
    return ofLife.every((run) => run.some((call) => nameOfCall(call) === name));
  };
  const unsteady = calls.filter((call) => !isInAll(call));
  return { calls, kinds: new Set(calls.map(({ cell }) => cell.kind)), unsteady: new Set(unsteady) };
}

type Run = readonly ReferenceCall[];

/** Until so many runs made the same calls, but for seals: on a busy machine now and then a flush is one turn late. */
async function playSeveral(life: LifeName): Promise<readonly Run[]> {
  const runs: Run[] = [await playOnce(life, "whatever is called")];
  while (runs.length < runsMax) {
    runs.push(await playOnce(life, "known"));
    for (const one of runs) {
      const alike = runs.filter((other) => isAlike(one, other));
      if (alike.length === runsAlikeMin) return alike;
    }
  }
  throw new Error(`${runsMax} runs of the ${life} life made other calls each`);
}

function isAlike(one: Run, other: Run): boolean {
  return [...missingIn(other, one), ...missingIn(one, other)].every(({ cell }) => isOfSeal(cell));
}

const runsAlikeMin = 4;
const runsMax = 12;

/** A seal is a write and a sync of a segment, and a look at the lock before. */
function isOfSeal({ kind, path }: Cell): boolean {
  const isOfSegment = (kind === "pwrite64" || kind === "fdatasync") && /^wal\/\d+\.wal$/.test(path);
  return isOfSegment || (kind === "statx" && path === "wal/LOCK");
}

/** Those of `from` that `run` does not have. */
function missingIn(run: Run, from: Run): ReferenceCall[] {
  const names = new Set(run.map(nameOfCall));
  return from.filter((call) => !names.has(nameOfCall(call)));
}

const nameOfCall = ({ life, cell }: Pick<ReferenceCall, "life" | "cell">): string =>
  `${life} life: ${nameOfCell(cell)}`;

async function playOnce(life: LifeName, traced: "whatever is called" | "known"): Promise<ReferenceCall[]> {
  using directory = temporaryDirectory();
  const store = await SweptStore.begin(life, directory.path);
  const { dataDirectory } = store;
  // Whatever works on any path or descriptor: so no call can escape by not being listed, nor by its path.
  const words =
    traced === "known"
      ? { calls: coveredKinds, paths: pathsOfStore(dataDirectory) }
      : { calls: ["%file", "%desc"], paths: [] };
  const run = await store.run({ ...words, patienceMs: 20_000, sealPatienceMs: 20_000 });
  if (run.end !== "complete" || run.exitCode !== 0)
    throw new Error(`A server that nothing happened to ended with ${run.exitCode}: ${run.stderr}`);
  const whole = new Set(pathsOfStore(dataDirectory));
  const firstThread = run.calls[0]!.thread;
  return namedCalls(run.calls, dataDirectory).map(({ call, cell }) => {
    if (!whole.has(pathOf(call))) throw new Error(`No path that is watched has ${nameOfCell(cell)}`);
    const nth = (isOf: (path: string) => boolean) => countUpTo(call, run.calls, isOf);
    const part = new Set(pathsOfStore(dataDirectory, partOf(cell.path)));
    const file = pathOf(call);
    const isMovedOn = call.thread === firstThread && kindsApart.includes(call.name);
    const nthOf = {
      store: nth((path) => whole.has(path)),
      part: nth((path) => part.has(path)),
      file: nth((path) => path === file),
      "file, apart": nth((path) => path === file) + (isMovedOn ? callsApart : 0),
    };
    return { life, cell, nthOf };
  });
}

/** How many calls of its kind its thread had made by then, this one included, as strace counts them. */
function countUpTo(call: SystemCall, calls: readonly SystemCall[], isOf: (path: string) => boolean): number {
  return calls.filter(
    (each) =>
      each.thread === call.thread &&
      each.name === call.name &&
      each.begin <= call.begin &&
      namesIn(each).some(isOf),
  ).length;
}

const withTwoNames = ["rename"];

function namesIn(call: SystemCall): string[] {
  return withTwoNames.includes(call.name) ? stringsOf(call).map(String) : [pathOf(call)];
}
