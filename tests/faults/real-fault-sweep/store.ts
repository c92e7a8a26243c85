import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { within } from "../../support/eventually.ts";
import { Oracle } from "../../support/oracle.ts";
import { ServerProcess } from "../../support/server-process.ts";
import { straceWords } from "../../support/strace.ts";
import { parseTrace, type SystemCall } from "../../support/trace.ts";
import { tagOf } from "../../support/tagged-value.ts";
import type { TagSource } from "../../support/workload.ts";
import { segmentNamesOf } from "../../support/recovered-store.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { beginnings } from "../fault-sweep/beginnings.ts";
import { playLife, type LifeName, type Played } from "./life.ts";

/** Each second record begins another segment, and a few edits of the manifest another one. */
export const segmentBytesMax = 1_000;

/** How a server ended, one of whose calls may have failed. */
export interface FaultedRun extends Played {
  readonly isReady: boolean;
  readonly exitCode: number;
  readonly stderr: string;
  readonly calls: readonly SystemCall[];
}

export interface RunWords {
  /** What is traced and counted, and of which paths. */
  readonly calls: readonly string[];
  readonly paths: readonly string[];
  readonly inject?: string | undefined;
  /** The calls of the first thread are counted apart from those of a worker. */
  readonly isApart?: boolean;
  readonly patienceMs: number;
  readonly sealPatienceMs: number;
}

/** A store in a directory of its own, and what its clients know of it. */
export class SweptStore {
  readonly oracle = new Oracle();
  readonly tags: TagSource = { nextTag: 1 };
  readonly dataDirectory: string;
  /** Up to here everything was durable when it was begun. */
  readonly baseSeq: number;
  /** Where the program is. */
  readonly root: string | undefined;
  readonly #life: LifeName;

  private constructor(life: LifeName, directory: string, baseSeq: number, root?: string) {
    this.dataDirectory = join(directory, "data");
    this.baseSeq = baseSeq;
    this.root = root;
    this.#life = life;
  }

  static async begin(life: LifeName, directory: string, root?: string): Promise<SweptStore> {
    if (life === "first") return new SweptStore(life, directory, 0, root);
    const left = await (leftByKill ??= leaveByKill());
    const store = new SweptStore(life, directory, left.seq, root);
    for (const [path, bytes] of left.files) {
      const target = join(store.dataDirectory, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      writeFileSync(target, bytes, { mode: 0o600 });
    }
    const { oracle, dataDirectory } = store;
    oracle.recovered(left.seq, left.entries, Number.parseInt(segmentNamesOf(dataDirectory).at(-1)!, 10));
    // Nobody was there when that was written, so nobody can know it.
    oracle.violations.length = 0;
    return store;
  }

  /** Plays the life to a server, and ends it in order, unless it ends before. */
  async run({ calls, paths, inject, isApart = false, ...patience }: RunWords): Promise<FaultedRun> {
    const output = join(dirname(this.dataDirectory), "trace");
    if (isApart) writeFileSync(besideStore(this.dataDirectory), "beside");
    await using server = new ServerProcess({
      dataDirectory: this.dataDirectory,
      segmentBytesMax,
      preload: isApart ? countedApart : sameCalls,
      under: straceWords({ output, calls, paths, ...(inject === undefined ? {} : { inject }) }),
      ...(this.root === undefined ? {} : { root: this.root }),
    });
    const port = await server.ready().catch(() => undefined);
    const { oracle, tags, dataDirectory } = this;
    const played: Played =
      port === undefined
        ? { end: "cut off", refusals: [], vouchedSeq: 0 }
        : await playLife(this.#life, { port, dataDirectory, oracle, tags, ...patience });
    const exitCode =
      played.end === "cut off"
        ? await within("the server to end", server.exited)
        : await server.kill("SIGTERM");
    const text = existsSync(output) ? readFileSync(output, "utf8") : "";
    const stderr = await server.stderr;
    return { ...played, isReady: port !== undefined, exitCode, stderr, calls: parseTrace(text) };
  }
}

const sameCalls = join(import.meta.dir, "same-calls-fixture.ts");
const countedApart = join(import.meta.dir, "counted-apart-fixture.ts");

/** So many calls of each of these kinds it makes on that. */
export const callsApart = 20;
export const kindsApart: readonly string[] = ["close", "openat", "pread64", "statfs", "statx"];

/** What counted-apart-fixture.ts works on. */
export const besideStore = (dataDirectory: string): string => join(dirname(dataDirectory), "counted-apart");

interface LeftByKill {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly entries: ReadonlyMap<string, { version: number; tag: number }>;
  readonly seq: number;
}

let leftByKill: Promise<LeftByKill> | undefined;

/** What lies in a file of the store that the second life begins with; undefined: it has no such file. */
export async function bytesLeft(path: string): Promise<Buffer | undefined> {
  return (await (leftByKill ??= leaveByKill())).files.get(path);
}

/** The same that the sweep within one process begins with, byte for byte the same each time. */
async function leaveByKill(): Promise<LeftByKill> {
  const { disk, promises } = await beginnings["what a kill has left"]!();
  const files = new Map<string, Buffer>();
  for (const [path, size] of Object.entries(disk.listAll())) {
    if (size === "directory" || !path.startsWith("/data/")) continue;
    const bytes = Buffer.alloc(size);
    const file = disk.openRead(path);
    file.read(bytes, 0);
    file.close();
    files.set(path.slice("/data/".length), bytes);
  }
  const db = await openTiny(disk.clone());
  const { entries = [] } = db.scan({});
  const seen = new Map(
    entries.map(([key, value = "", version]) => [key, { version, tag: tagOf(Buffer.from(value, "latin1")) }]),
  );
  const seq = promises.currentSeq;
  await db.engine.close();
  return { files, entries: seen, seq };
}
