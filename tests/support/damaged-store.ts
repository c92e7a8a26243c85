import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertIntact, type ServerEnd } from "./intact-store.ts";
import { readGroups } from "./log-end.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import { ServerProcess, startServer, type ServerProcessOptions } from "./server-process.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What a server made of a store that was damaged while it was down. */
export interface Start {
  /** Undefined: it refused to start, or ended when everything was read. */
  readonly tags: Record<string, number> | undefined;
  readonly exitCode: number | undefined;
  readonly stderr: string;
}

export interface WriteOptions {
  /** By a kill or, with a seal behind the last group, in order. */
  readonly end?: "SIGKILL" | "SIGTERM";
  /** Everything is in tables in the end. */
  readonly compact?: boolean;
}

/** A store in a directory of its own, to be damaged between the lives of its servers. */
export class DamagedStore implements Disposable {
  readonly #directory = temporaryDirectory();
  readonly #root: string | undefined;

  /** `root`: where the program is, if it is a changed one. */
  constructor(root?: string) {
    this.#root = root;
  }

  get wal(): string {
    return join(this.#directory.path, "wal");
  }

  /** A server of which everything is acknowledged. */
  async write(tags: Readonly<Record<string, number>>, options: WriteOptions = {}): Promise<void> {
    await using server = await startServer(this.#options);
    const client = await RawStoreClient.open(server.port);
    for (const [key, tag] of Object.entries(tags)) {
      const answer = await client.write([{ key, type: "put", tag, valueBytes: 100 }], false);
      if (answer.kind !== "written") throw new Error(`The put of ${key} was not acknowledged`);
    }
    if (options.compact && !(await client.compact())) throw new Error("The compaction was not answered");
    await server.kill(options.end);
    await client.close();
  }

  /** Starts a server, reads all there is, and kills it; or tells how it ended. */
  async start(): Promise<Start> {
    await using server = new ServerProcess(this.#options);
    const port = await server.ready().catch(() => undefined);
    const tags = port === undefined ? undefined : await tagsOf(port);
    const exitCode = tags === undefined ? await server.exited : undefined;
    await server.kill();
    return { tags, exitCode, stderr: await server.stderr };
  }

  /** Another store with the same bytes, which may live on in another way. */
  copy(): DamagedStore {
    const copy = new DamagedStore(this.#root);
    cpSync(this.#directory.path, copy.#directory.path, { recursive: true });
    return copy;
  }

  /** Throws if a check finds anything but what an end of this kind may leave. */
  assertIntact(end: ServerEnd): void {
    assertIntact(this.#directory.path, end);
  }

  get lastSegment(): string {
    return this.newest("wal", ".wal");
  }

  /** The file with the highest number. */
  newest(folder: "wal" | "tables" | "manifest", ending: string): string {
    const directory = join(this.#directory.path, folder);
    const names = readdirSync(directory).filter((name) => name.endsWith(ending));
    return join(directory, names.sort().at(-1)!);
  }

  /** Everything in the directory, to see whether anything was touched. */
  get files(): Record<string, string> {
    const names = readdirSync(this.#directory.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "LOCK")
      .map((entry) => join(entry.parentPath, entry.name));
    return Object.fromEntries(names.map((name) => [name, readFileSync(name).toString("hex")]));
  }

  /** Behind the last group, and instead of what was prepared there. */
  append(bytes: Uint8Array): void {
    writeFileSync(this.lastSegment, Buffer.concat([readGroups(this.lastSegment), bytes]));
  }

  overwrite(file: string, offset: number, bytes: Uint8Array): void {
    const content = readFileSync(file);
    content.set(bytes, offset);
    writeFileSync(file, content);
  }

  flipBit(file: string, offset: number): void {
    this.overwrite(file, offset, Buffer.of(readFileSync(file)[offset]! ^ 1));
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  get #options(): ServerProcessOptions {
    const options = { dataDirectory: this.#directory.path, segmentBytesMax: 4_096 };
    return this.#root === undefined ? options : { ...options, root: this.#root };
  }
}

/** What a server holds; undefined: it ended before everything was read. */
async function tagsOf(port: number): Promise<Record<string, number> | undefined> {
  const client = await RawStoreClient.open(port);
  const entries = await client.scanAll({});
  await client.close();
  return entries && Object.fromEntries([...entries].map(([key, { tag }]) => [key, tag]));
}
