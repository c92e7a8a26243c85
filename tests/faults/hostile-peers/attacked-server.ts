import { join } from "node:path";
import { encodePut } from "../../../src/protocol/request-encoder.ts";
import { decodeWritten } from "../../../src/protocol/response-decoder.ts";
import { RawConnection } from "../../support/raw-connection.ts";
import { startServer, type RunningServerProcess } from "../../support/server-process.ts";
import { temporaryDirectory, type TemporaryDirectory } from "../../support/temporary-directory.ts";
import { largeKey, largeValueBytes, smallKey } from "./attack-bytes.ts";

export interface AttackedServerOptions {
  /** Another one than the real program, below the root of the project. */
  readonly program?: string;
  /** What the attackers may write in a second, beside the good client. Default: no limit. */
  readonly greedyWriteRateMax?: number | undefined;
}

/** The real server in a process of its own, with entries worth asking for, and a directory that goes with it. */
export class AttackedServer implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  readonly #options: AttackedServerOptions;
  #server: RunningServerProcess;

  private constructor(
    directory: TemporaryDirectory,
    server: RunningServerProcess,
    options: AttackedServerOptions,
  ) {
    this.#directory = directory;
    this.#server = server;
    this.#options = options;
  }

  static async start(options: AttackedServerOptions = {}): Promise<AttackedServer> {
    const directory = temporaryDirectory();
    const server = await startServer({ dataDirectory: join(directory.path, "data"), ...options });
    const attacked = new AttackedServer(directory, server, options);
    await attacked.#fill();
    return attacked;
  }

  get port(): number {
    return this.#server.port;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** What the server says when it ends without being told to goes with the failure. */
  unlessItEnds<T>(act: () => Promise<T>): Promise<T> {
    return this.#server.unlessItEnds(act);
  }

  /** Kills it, as if at any moment, and starts it again on what it has left. */
  async killAndStart(): Promise<void> {
    await this.#server.kill();
    const dataDirectory = join(this.#directory.path, "data");
    this.#server = await startServer({ dataDirectory, ...this.#options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.kill();
    this.#directory[Symbol.dispose]();
  }

  async #fill(): Promise<void> {
    const connection = await RawConnection.open(this.port);
    const put = (key: Buffer, bytes: number) =>
      connection.request((writer, id) => encodePut(writer, id, key, Buffer.alloc(bytes, 1)), decodeWritten);
    await put(largeKey, largeValueBytes);
    await put(smallKey, 100);
    // A page of a scan stops growing at 256 KiB.
    for (let number = 0; number < 64; number++) await put(Buffer.from(`page/${number}`), 16 * 1024);
    connection.close();
  }
}
