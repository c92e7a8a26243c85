import { Buffer } from "node:buffer";
import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import { scriptDefaults, ScriptedSession, type Script } from "./scripted-session.ts";
import { ScriptedStore } from "./scripted-store.ts";

interface Connection {
  readonly session: ScriptedSession;
  readonly output: ByteWriter;
}

/** A scripted server behind a real port, for clients in other processes and for the transports themselves. */
export class ScriptedServer {
  readonly script: Script = scriptDefaults();
  readonly store = new ScriptedStore();
  connectionsAccepted = 0;
  /** Chunks that were read from sockets: how many writes of the client arrived, at most. */
  chunksReceived = 0;
  /** While false, answers are held back. */
  isAnswering = true;
  readonly #sockets = new Set<Bun.Socket<Connection>>();
  #listener: Bun.TCPSocketListener<Connection>;

  constructor(port = 0) {
    this.#listener = this.#listen(port);
  }

  get port(): number {
    return this.#listener.port;
  }

  get url(): string {
    return `holdfast://127.0.0.1:${this.port}`;
  }

  /** Cuts all connections; the port stays open. */
  drop(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Closes the port and all connections. */
  stop(): void {
    this.#listener.stop(true);
  }

  /** Opens the same port again, with the same store. */
  restart(): void {
    this.#listener = this.#listen(this.port);
  }

  answer(): void {
    this.isAnswering = true;
    for (const socket of this.#sockets) flush(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  #listen(port: number): Bun.TCPSocketListener<Connection> {
    return Bun.listen<Connection>({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          this.connectionsAccepted++;
          socket.data = { session: new ScriptedSession(this.script, this.store), output: new ByteWriter() };
          this.#sockets.add(socket);
        },
        data: (socket, bytes) => {
          this.chunksReceived++;
          socket.data.session.receiveInto(bytes, socket.data.output);
          if (this.isAnswering) flush(socket);
        },
        drain: flush,
        close: (socket) => void this.#sockets.delete(socket),
        error: () => {},
      },
    });
  }
}

function flush(socket: Bun.Socket<Connection>): void {
  const { output } = socket.data;
  if (output.length === 0) return;
  const taken = socket.write(output.bytes.subarray(0, output.length) as Buffer);
  if (taken > 0) output.consume(taken);
}
