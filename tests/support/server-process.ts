import { readFileSync } from "node:fs";
import { join } from "node:path";
import { within } from "./eventually.ts";

/** The root of this project: what a server runs from, unless it is given a changed copy. */
export const sourceRoot = join(import.meta.dir, "..", "..");

const endWithParent = join(import.meta.dir, "end-with-parent-fixture.ts");

export interface ServerProcessOptions {
  readonly dataDirectory: string;
  /** Default: "always". */
  readonly sync?: string;
  /** Tiny ones make a server flush and compact all the time. Default: the server's own. */
  readonly segmentBytesMax?: number | undefined;
  /** For blocks of tables. Default: the server's own. */
  readonly cacheBytesMax?: number | undefined;
  /** What clients that ask for much may write in a second, beside others. Default: the server's own. */
  readonly greedyWriteRateMax?: number | undefined;
  /** Words before the command: a tracer. */
  readonly under?: readonly string[];
  /** Preloaded into the server instead of what ends it together with the test. */
  readonly preload?: string;
  /** Where the program is. Default: this project. */
  readonly root?: string;
  /** What runs, below the root, with the words of `serve`. Default: the real program. */
  readonly program?: string;
}

/** The real server in a process of its own, whether or not it gets as far as listening. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #stderr: Promise<string>;
  /** Resolves with its first line on stdout, or with undefined if it ended without one. */
  readonly #firstLine: Promise<string | undefined>;
  readonly #isTraced: boolean;

  constructor(options: ServerProcessOptions) {
    const { dataDirectory, sync = "always", under = [], preload = endWithParent } = options;
    const { root = sourceRoot, program = "src/main.ts" } = options;
    const serve = ["serve", "--data", dataDirectory, "--listen", "127.0.0.1:0", "--sync", sync];
    this.#isTraced = under.length > 0;
    this.#child = Bun.spawn(
      [...under, process.execPath, "--preload", preload, join(root, program), ...serve],
      {
        cwd: root,
        env: { ...process.env, ...sizesOf(options) },
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    this.#firstLine = firstLineOf(this.#child.stdout);
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Waits until it listens, and returns the port. */
  async ready(): Promise<number> {
    const line = await within("the server's first line", this.#firstLine, 60_000);
    const port = /^ready tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(line ?? "")?.[1];
    if (port !== undefined) return Number(port);
    const code = await this.exited;
    throw new Error(`The server said ${JSON.stringify(line)} and ended with ${code}: ${await this.#stderr}`);
  }

  /** Its exit code; 128 + n when signal n ended it. */
  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** What it has written to stderr, once it has ended. */
  get stderr(): Promise<string> {
    return this.#stderr;
  }

  /** Does something that the server must outlive; if it ends, the failure tells what the server said. */
  async unlessItEnds<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      // Whoever lost the connection may know a moment before the process is gone.
      const exitCode = await Promise.race([this.exited, Bun.sleep(500)]);
      if (typeof exitCode !== "number") throw error;
      const story = `The server ended with ${exitCode}: ${await this.#stderr}`;
      throw new Error(story, { cause: error });
    }
  }

  /** The pid of the server itself, also under a tracer. */
  get pid(): number {
    if (!this.#isTraced) return this.#child.pid;
    const children = readFileSync(`/proc/${this.#child.pid}/task/${this.#child.pid}/children`, "utf8");
    return Number(children.trim().split(" ")[0]);
  }

  /** Kills it as a power cut would, as far as the process is concerned, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
    try {
      const { pid } = this;
      if (this.#child.exitCode === null && this.#child.signalCode === null && pid > 0)
        process.kill(pid, signal);
    } catch {
      // It is gone already.
    }
    return within("the killed server to end", this.exited);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

export async function startServer(options: ServerProcessOptions): Promise<RunningServerProcess> {
  const server = new ServerProcess(options);
  try {
    return Object.assign(server, { port: await server.ready() });
  } catch (error) {
    await server.kill();
    throw error;
  }
}

export type RunningServerProcess = ServerProcess & { readonly port: number };

function sizesOf(options: ServerProcessOptions): Record<string, string> {
  const { segmentBytesMax, cacheBytesMax, greedyWriteRateMax } = options;
  return {
    ...(segmentBytesMax === undefined ? {} : { HOLDFAST_SEGMENT_BYTES_MAX: `${segmentBytesMax}` }),
    ...(cacheBytesMax === undefined ? {} : { HOLDFAST_CACHE_BYTES_MAX: `${cacheBytesMax}` }),
    ...(greedyWriteRateMax === undefined ? {} : { HOLDFAST_GREEDY_WRITE_RATE_MAX: `${greedyWriteRateMax}` }),
  };
}

async function firstLineOf(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    // The pipe is left open and unread from here on: a server says nothing more on it.
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}
