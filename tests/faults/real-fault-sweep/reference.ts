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
}

/** All system calls of both lives on the paths of the store, each life played several times. */
export async function playReference(): Promise<Reference> {
  // The lives side by side, but of each life one run after the other.
  const calls = (await Promise.all(lifeNames.map(playUntilAlike))).flat();
  return { calls, kinds: new Set(calls.map(({ cell }) => cell.kind)) };
}

type Run = readonly ReferenceCall[];

/**
 * Until so many runs made exactly the same calls, and in one of them whatever is called was traced. In the others each
 * call has to be met at the same place of its file, too: now and then the other one of two threads looks at a directory
 * first, and who aims by such a run misses in most others.
 */
async function playUntilAlike(life: LifeName): Promise<Run> {
  const whole: Run[] = [];
  const known: Run[] = [];
  while (whole.length + known.length < runsMax) {
    // Slower than the others, it may be the odd one out: then another one may not be.
    if (whole.length <= known.length / (runsAlikeMin - 1)) {
      whole.push(await playOnce(life, "whatever is called"));
    } else {
      known.push(await playOnce(life, "known"));
    }
    for (const one of known) {
      const wholeAlike = whole.filter((other) => namesIn(other) === namesIn(one));
      const knownAlike = known.filter((other) => placesIn(other) === placesIn(one));
      if (wholeAlike.length > 0 && wholeAlike.length + knownAlike.length >= runsAlikeMin) return one;
    }
  }
  const differing = namesInSome([...whole, ...known]);
  throw new Error(
    `Of ${runsMax} runs of the ${life} life no ${runsAlikeMin} were alike. ` +
      `These calls only some made: ${differing.join(", ") || "none, but not at the same place"}`,
  );
}

const runsAlikeMin = 4;
const runsMax = 12;

/** What was called, in words that can be compared. */
const namesIn = (run: Run): string => namesOf(run).sort().join();

/** The same, and where each call is met: by the first thread, or by another, and as which of its calls on the file. */
const placesIn = (run: Run): string =>
  run
    .map(({ cell, nthOf }) => `${nameOfCell(cell)} ${nthOf.file} ${nthOf["file, apart"]}`)
    .sort()
    .join();

function namesInSome(runs: readonly Run[]): string[] {
  const all = runs.map((run) => new Set(namesOf(run)));
  const names = new Set(runs.flatMap(namesOf));
  return [...names].filter((name) => !all.every((each) => each.has(name)));
}

const namesOf = (run: Run): string[] => run.map(({ cell }) => nameOfCell(cell));

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
      pathsIn(each).some(isOf),
  ).length;
}

const withTwoNames = ["rename"];

function pathsIn(call: SystemCall): string[] {
  return withTwoNames.includes(call.name) ? stringsOf(call).map(String) : [pathOf(call)];
}
