import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** The network of Node and Deno. Their sockets buffer what they cannot send yet, but keep the bytes by reference. */
export const openNodeTransport: OpenTransport = (hostname, port, events) => {
  return new NodeTransport(connect({ host: hostname, port, noDelay: true }), events);
};

class NodeTransport implements Transport {
  readonly #socket: Socket;
  #events: TransportEvents | undefined;
  #lastError: Error | undefined;

  constructor(socket: Socket, events: TransportEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("connect", () => this.#events?.opened());
    socket.on("data", (bytes) => this.#events?.received(bytes as Buffer));
    socket.on("drain", () => this.#events?.drained());
    socket.on("error", (error) => (this.#lastError = error));
    socket.on("close", () => this.#closed());
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    return this.#socket.write(Buffer.from(bytes.subarray(start, end)));
  }

  end(): void {
    this.#socket.unref();
    this.#socket.end();
  }

  destroy(): void {
    this.#events = undefined;
    this.#socket.destroy();
  }

  #closed(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.closed(this.#lastError);
  }
}
