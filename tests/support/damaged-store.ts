import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RawStoreClient } from "./raw-store-client.ts";
import { ServerProcess, startServer } from "./server-process.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What a server made of a store that was damaged while it was down. */
export interface Start {
  /** Undefined: it refused to start. */
  readonly tags: Record<string, number> | undefined;
  readonly exitCode: number | undefined;
  readonly stderr: string;
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

  /** A server of which everything is acknowledged, ended by a kill or, with a seal behind the last group, in order. */
  async write(tags: Readonly<Record<string, number>>, end: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    await using server = await startServer(this.#options);
    const client = await RawStoreClient.open(server.port);
    for (const [key, tag] of Object.entries(tags)) {
      const answer = await client.write([{ key, type: "put", tag, valueBytes: 100 }], false);
      if (answer.kind !== "written") throw new Error(`The put of ${key} was not acknowledged`);
    }
    await server.kill(end);
    await client.close();
  }

  /** Starts a server, reads all there is, and kills it; or tells how it refused. */
  async start(): Promise<Start> {
    await using server = new ServerProcess(this.#options);
    const port = await server.ready().catch(() => undefined);
    if (port === undefined)
      return { tags: undefined, exitCode: await server.exited, stderr: await server.stderr };
    const client = await RawStoreClient.open(port);
    const { entries } = await client.readAll();
    await client.close();
    await server.kill();
    const tags = Object.fromEntries([...entries].map(([key, { tag }]) => [key, tag]));
    return { tags, exitCode: undefined, stderr: await server.stderr };
  }

  /** Another store with the same bytes, which may live on in another way. */
  copy(): DamagedStore {
    const copy = new DamagedStore(this.#root);
    cpSync(this.#directory.path, copy.#directory.path, { recursive: true });
    return copy;
  }

  get lastSegment(): string {
    const names = readdirSync(this.wal).filter((name) => name.endsWith(".wal"));
    return join(this.wal, names.sort().at(-1)!);
  }

  /** Everything in the directory, to see whether anything was touched. */
  get files(): Record<string, string> {
    const names = readdirSync(this.wal).filter((name) => name !== "LOCK");
    return Object.fromEntries(
      names.map((name) => [name, readFileSync(join(this.wal, name)).toString("hex")]),
    );
  }

  append(bytes: Uint8Array): void {
    appendFileSync(this.lastSegment, bytes);
  }

  /** Writes over bytes of the last segment. */
  overwrite(offset: number, bytes: Uint8Array): void {
    const content = readFileSync(this.lastSegment);
    content.set(bytes, offset);
    writeFileSync(this.lastSegment, content);
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  get #options(): { dataDirectory: string; root?: string } {
    const dataDirectory = this.#directory.path;
    return this.#root === undefined ? { dataDirectory } : { dataDirectory, root: this.#root };
  }
}
