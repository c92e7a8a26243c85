import type { Load } from "./load.ts";

/** What a connection writes to: a socket, as far as it is needed. */
export interface Output {
  write(bytes: Buffer, offset: number, length: number): number;
  end(): void;
}

/** One connection of a load. */
export interface LoadConnection {
  /** It has ended by itself, all that it sent is answered. */
  readonly isEnded: boolean;
  open(output: Output): void;
  /** May throw: the load ends with that error then. */
  receive(chunk: Buffer, nowMs: number): void;
  /** The output takes bytes again. */
  push(): void;
}

/** The sockets of a load. Whatever goes wrong with one of them ends all. */
export class LoadSockets implements Disposable {
  /** Rejects when the load can't go on. */
  readonly failed: Promise<never>;
  /** Resolves when all connections have ended by themselves. */
  readonly ended: Promise<unknown>;
  readonly #sockets: Bun.Socket[] = [];
  readonly #fail: (error: unknown) => void;

  constructor(load: Pick<Load, "port" | "dialect">, connections: readonly LoadConnection[]) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
    // Whoever is past the last wait does not hear of it any more.
    promise.catch(() => {});
    this.ended = Promise.all(connections.map((connection) => this.#run(load, connection)));
    this.ended.catch(reject);
  }

  /** Waits for this, unless the load fails. */
  orFail<T>(awaited: Promise<T>): Promise<T> {
    return Promise.race([this.failed, awaited]);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async #run({ port, dialect }: Pick<Load, "port" | "dialect">, connection: LoadConnection): Promise<void> {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          this.#sockets.push(socket);
          connection.open(socket);
        },
        data: (_, chunk) => {
          try {
            connection.receive(chunk as Buffer, performance.now());
          } catch (error) {
            this.#fail(error);
          }
        },
        drain: () => connection.push(),
        close: () => {
          if (!connection.isEnded)
            this.#fail(new Error(`${dialect.name} closed a connection that waited for answers`));
          close();
        },
        error: (_, error) => this.#fail(error),
      },
    });
    await closed;
  }
}
