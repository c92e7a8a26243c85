import { Buffer } from "node:buffer";
import { assert } from "../src/lib/assert.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** The network of Bun. Its sockets do not buffer: what a write did not take is kept here until they drain. */
export const openBunTransport: OpenTransport = (hostname, port, events) => {
  const transport = new BunTransport(events);
  const failed = (error: unknown) =>
    transport.closed(error instanceof Error ? error : new Error(String(error)));
  Bun.connect({ hostname, port, socket: handlers, data: transport }).catch(failed);
  return transport;
};

type BunSocket = Bun.Socket<BunTransport>;

class BunTransport implements Transport {
  #events: TransportEvents | undefined;
  #socket: BunSocket | undefined;
  /** What the socket did not take yet. */
  #rest: Buffer = nothing;
  #isEnding = false;
  #lastError: Error | undefined;

  constructor(events: TransportEvents) {
    this.#events = events;
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    assert(this.#socket !== undefined && !this.#isEnding, "bytes are sent while the connection is open");
    if (this.#rest.length > 0) {
      this.#rest = Buffer.concat([this.#rest, bytes.subarray(start, end)]);
      return false;
    }
    return this.#write(bytes, start, end);
  }

  end(): void {
    this.#isEnding = true;
    this.#socket?.unref();
    if (this.#rest.length === 0) this.#socket?.end();
  }

  destroy(): void {
    this.#events = undefined;
    this.#rest = nothing;
    this.#socket?.terminate();
  }

  opened(socket: BunSocket): void {
    this.#socket = socket;
    if (this.#events === undefined) {
      socket.terminate();
      return;
    }
    socket.setNoDelay(true);
    this.#events.opened();
  }

  received(bytes: Buffer): void {
    this.#events?.received(bytes);
  }

  drained(): void {
    if (this.#rest.length > 0 && !this.#write(this.#rest, 0, this.#rest.length)) return;
    this.#rest = nothing;
    if (this.#isEnding) this.#socket?.end();
    else this.#events?.drained();
  }

  failed(error: Error): void {
    this.#lastError = error;
  }

  closed(error: Error | undefined): void {
    const events = this.#events;
    this.#events = undefined;
    this.#socket = undefined;
    events?.closed(error ?? this.#lastError);
  }

  /** Whether the socket took all of it; a copy of the rest is kept. A closed one (-1) takes nothing, and `close` follows. */
  #write(bytes: Buffer, start: number, end: number): boolean {
    const taken = Math.max(0, this.#socket?.write(bytes, start, end - start) ?? 0);
    if (taken === end - start) return true;
    this.#rest = Buffer.from(bytes.subarray(start + taken, end));
    return false;
  }
}

/** One set for all connections: the socket's `data` says whose it is. */
const handlers: Bun.SocketHandler<BunTransport> = {
  open: (socket) => socket.data.opened(socket),
  data: (socket, bytes) => socket.data.received(bytes),
  drain: (socket) => socket.data.drained(),
  error: (socket, error) => socket.data.failed(error),
  close: (socket, error) => socket.data.closed(error),
  connectError: (socket, error) => socket.data.closed(error),
};

const nothing = Buffer.alloc(0);
