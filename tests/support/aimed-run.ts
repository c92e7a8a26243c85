import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Oracle } from "./oracle.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import { runScript } from "./scripted-writes.ts";
import { ServerProcess, startServer } from "./server-process.ts";
import { fileCalls, oneSyncThread, outputCalls, pathsOf, straceWords } from "./strace.ts";
import { parseTrace, type SystemCall } from "./trace.ts";
import type { TagSource } from "./workload.ts";

/** So small that the script begins several segments. */
export const tinySegmentBytes = 1_500;

export interface AimedRunOptions {
  /** What happens to which call: "fdatasync:signal=SIGKILL:when=3". */
  readonly inject: string;
  /** Counts calls on the store's files only. Otherwise all, and what goes to sockets is traced as well. */
  readonly onlyFiles?: boolean;
  /** Default: true. Without it the run is over once the server listens. */
  readonly withScript?: boolean;
}

/** How a server ended whose n-th system call of a kind was met by a kill or a fault. */
export interface AimedRun {
  /** Whether the injection met a call at all: otherwise n is beyond the last. */
  readonly wasHit: boolean;
  /** Whether everything was answered nevertheless. */
  readonly isComplete: boolean;
  readonly exitCode: number;
  readonly stderr: string;
  readonly calls: readonly SystemCall[];
}

/** A store in a directory that lives through many servers, and what its clients know of it. */
export class AimedStore {
  readonly oracle = new Oracle();
  readonly dataDirectory: string;
  /** The traces of all its traced servers, one behind the other. */
  trace = "";
  readonly #directory: string;
  readonly #tags: TagSource = { nextTag: 1 };

  constructor(directory: string) {
    this.#directory = directory;
    this.dataDirectory = join(directory, "data");
  }

  /** Runs the script against a server that a kill or a fault awaits, and waits for its end. */
  async run({ inject, onlyFiles = false, withScript = true }: AimedRunOptions): Promise<AimedRun> {
    const paths = onlyFiles ? pathsOf(this.dataDirectory) : [];
    const calls = onlyFiles ? [...fileCalls] : [...fileCalls, ...outputCalls];
    const output = this.#outputOfTrace();
    await using server = new ServerProcess({
      ...this.#options,
      preload: oneSyncThread,
      under: straceWords({ output, calls, paths, inject }),
    });
    const port = await server.ready().catch(() => undefined);
    const isComplete = port !== undefined && (!withScript || (await this.#script(port)));
    const exitCode = isComplete ? await server.kill() : await server.exited;
    const trace = this.#addTrace(output);
    const wasHit = !isComplete || trace.some(({ isInjected }) => isInjected);
    return { wasHit, isComplete, exitCode, stderr: await server.stderr, calls: trace };
  }

  /** A server without any fault, killed in the end: judges what is there, and lets the script write, if it should. */
  async check(options: { write: boolean; trace?: boolean }): Promise<void> {
    const output = this.#outputOfTrace();
    const under = options.trace ? straceWords({ output, calls: [...fileCalls, ...outputCalls] }) : [];
    await using server = await startServer({ ...this.#options, under });
    const reader = await RawStoreClient.open(server.port);
    const { currentSeq, entries } = await reader.readAll();
    await reader.close();
    this.oracle.recovered(currentSeq, entries);
    if (options.write && !(await this.#script(server.port))) {
      throw new Error("The healthy server did not answer everything");
    }
    await server.kill();
    if (options.trace) this.#addTrace(output);
  }

  get #options(): { dataDirectory: string; segmentBytesMax: number } {
    return { dataDirectory: this.dataDirectory, segmentBytesMax: tinySegmentBytes };
  }

  #script(port: number): Promise<boolean> {
    return runScript(port, this.oracle, this.#tags);
  }

  #outputOfTrace(): string {
    return join(this.#directory, `trace-${this.trace.length}`);
  }

  #addTrace(output: string): SystemCall[] {
    const text = existsSync(output) ? readFileSync(output, "utf8") : "";
    this.trace += text;
    return parseTrace(text);
  }
}

/** Calls `body` with 1, 2, 3, … in two lanes, until it says that there was nothing left to hit. Returns the hits. */
export async function forEveryCall(body: (n: number) => Promise<boolean>): Promise<number> {
  let next = 1;
  let hits = 0;
  let isOver = false;
  const lane = async () => {
    try {
      while (!isOver) {
        if (await body(next++)) hits++;
        else isOver = true;
      }
    } finally {
      isOver = true;
    }
  };
  // Both are waited for, also when one fails: else the other's server would be left behind.
  const lanes = await Promise.allSettled([lane(), lane()]);
  for (const outcome of lanes) if (outcome.status === "rejected") throw outcome.reason;
  return hits;
}
