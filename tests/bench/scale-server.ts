import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startServer, type RunningServerProcess } from "../support/server-process.ts";
import { usageOf, type Usage } from "./host.ts";

/**
 * A server on a directory that lasts as long as this process: stopped, killed and started again on it. Its memory is
 * looked at all the time, because a peak between two points of a series counts as well.
 */
export class ScaleServer implements AsyncDisposable {
  readonly directory: string;
  /** The most memory of its own that the server was seen with, since `forgetPeak`. */
  rssAnonPeakBytes = 0;
  readonly #root: string;
  #server: RunningServerProcess | undefined;
  readonly #watch = setInterval(() => this.usage(), 50);
  readonly #remove: () => void;

  constructor(parentDirectory: string, root: string) {
    this.#root = root;
    this.directory = mkdtempSync(join(parentDirectory, "holdfast-scale-"));
    this.#remove = () => rmSync(this.directory, { recursive: true, force: true });
    // Gigabytes must not stay behind when the bench is interrupted, or fails.
    process.on("exit", this.#remove);
  }

  get port(): number {
    return this.#running.port;
  }

  /** Starts it, and returns how long it took to its line "ready". */
  async start(): Promise<number> {
    const startedAtMs = performance.now();
    this.#server = await startServer({ dataDirectory: join(this.directory, "data"), root: this.#root });
    return performance.now() - startedAtMs;
  }

  /** Asks it to end, and returns how long that took. */
  async stop(): Promise<number> {
    const startedAtMs = performance.now();
    const code = await this.#running.kill("SIGTERM");
    if (code !== 0) throw new Error(`The server ended with ${code}: ${await this.#running.stderr}`);
    this.#server = undefined;
    return performance.now() - startedAtMs;
  }

  async kill(): Promise<void> {
    const server = this.#running;
    this.#server = undefined;
    await server.kill("SIGKILL");
  }

  usage(): Usage {
    const usage = usageOf(this.#server?.pid ?? 0);
    this.rssAnonPeakBytes = Math.max(this.rssAnonPeakBytes, usage.rssAnonBytes);
    return usage;
  }

  /** Bytes that the store takes on the disk, by folder: what is allocated, not how long the files are. */
  diskBytes(): Record<string, number> {
    const bytes: Record<string, number> = {};
    const data = join(this.directory, "data");
    for (const path of existsSync(data) ? readdirSync(data, { recursive: true, encoding: "utf8" }) : []) {
      const folder = path.split("/")[0]!;
      bytes[folder] = (bytes[folder] ?? 0) + allocatedBytes(join(data, path));
    }
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    await this.#server?.kill();
    this.#remove();
    process.off("exit", this.#remove);
  }

  get #running(): RunningServerProcess {
    if (this.#server === undefined) throw new Error("The server is not running");
    return this.#server;
  }
}

/** 0 for a file that was just deleted: the server goes on while it is looked at. */
function allocatedBytes(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}
