import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { within } from "./eventually.ts";
import { assertIntact } from "./intact-store.ts";
import { Oracle } from "./oracle.ts";
import { readRecovered } from "./recovered-store.ts";
import { runScript } from "./scripted-writes.ts";
import { ServerProcess, startServer, type ServerProcessOptions } from "./server-process.ts";
import { fileCalls, oneSyncThread, outputCalls, pathsOf, straceWords, type StorePart } from "./strace.ts";
import { parseTrace, type SystemCall } from "./trace.ts";
import type { TagSource } from "./workload.ts";

/** So small that the script begins several segments, and its edits more than one manifest. */
export const tinySegmentBytes = 1_000;

export interface AimedRunOptions {
  /** What happens to which call: "fdatasync:signal=SIGKILL:when=3". Undefined: nothing. */
  readonly inject?: string;
  /** Words before the command, instead of a tracer. */
  readonly under?: readonly string[];
  /** Counts calls on these paths only. Otherwise all, and what goes to sockets is traced as well. */
  readonly part?: StorePart | undefined;
  /** Default: "merging", which is the script with everything flushed and merged. With "none" listening is the end. */
  readonly script?: Script | undefined;
  /** What the tracer says was written was not: nothing can be said of the store any more. */
  readonly leavesDamage?: boolean;
}

export type Script = "merging" | "writing" | "none";

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
  readonly #segmentBytesMax: number;
  readonly #tags: TagSource = { nextTag: 1 };

  constructor(directory: string, segmentBytesMax = tinySegmentBytes) {
    this.#directory = directory;
    this.#segmentBytesMax = segmentBytesMax;
    this.dataDirectory = join(directory, "data");
  }

  /** Runs the script against a server that a kill or a fault awaits, and waits for its end. */
  async run(options: AimedRunOptions): Promise<AimedRun> {
    const { script = "merging", leavesDamage = false } = options;
    const output = this.#outputOfTrace();
    const under = options.under ?? this.#tracer(options, output);
    await using server = new ServerProcess({ ...this.#options, preload: oneSyncThread, under });
    const port = await server.ready().catch(() => undefined);
    const isComplete = port !== undefined && (script === "none" || (await this.#script(port, script)));
    const exitCode = isComplete ? await server.kill() : await within("the server to end", server.exited);
    const trace = this.#addTrace(output);
    const wasHit = !isComplete || trace.some(({ isInjected }) => isInjected);
    if (!leavesDamage) this.assertIntact("killed");
    return { wasHit, isComplete, exitCode, stderr: await server.stderr, calls: trace };
  }

  /**
   * A server without any fault: judges what is there, and lets the script write, if it should, and kills it then. Else
   * it is ended in order.
   */
  async check(options: { write: boolean; trace?: boolean }): Promise<void> {
    const output = this.#outputOfTrace();
    const under = options.trace ? straceWords({ output, calls: [...fileCalls, ...outputCalls] }) : [];
    await using server = await startServer({ ...this.#options, under });
    await server.unlessItEnds(async () => {
      const { currentSeq, entries, segmentNumber } = await readRecovered(server.port, this.dataDirectory);
      this.oracle.recovered(currentSeq, entries, segmentNumber);
      if (options.write && !(await this.#script(server.port, "writing"))) {
        throw new Error("The healthy server did not answer everything");
      }
    });
    const exitCode = await server.kill(options.write ? "SIGKILL" : "SIGTERM");
    if (!options.write && exitCode !== 0) throw new Error(`The healthy server ended with ${exitCode}`);
    if (options.trace) this.#addTrace(output);
    this.assertIntact(options.write ? "killed" : "stopped");
  }

  assertIntact(end: "killed" | "stopped"): void {
    assertIntact(this.dataDirectory, end);
  }

  get #options(): ServerProcessOptions {
    return { dataDirectory: this.dataDirectory, segmentBytesMax: this.#segmentBytesMax };
  }

  #tracer({ inject, part }: AimedRunOptions, output: string): string[] {
    const paths = part === undefined ? [] : pathsOf(this.dataDirectory, part);
    const others = part === undefined ? outputCalls : [];
    if (inject === undefined)
      return straceWords({ output, paths, calls: [...fileCalls, "pread64", ...others] });
    const calls = new Set([...fileCalls, ...others, inject.split(":")[0]!]);
    return straceWords({ output, paths, calls: [...calls], inject });
  }

  #script(port: number, script: Script): Promise<boolean> {
    const mergesIn = script === "merging" ? this.dataDirectory : undefined;
    return runScript({ port, oracle: this.oracle, tags: this.#tags, mergesIn });
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
