import type { Socket } from "bun";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { encodeHello } from "../../src/protocol/request-encoder.ts";
import { toResponse, type TestResponse } from "./harness.ts";

/** A client over a real socket that speaks frames and nothing more. */
export class SocketPeer {
  readonly responses: TestResponse[] = [];
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  bytesReceived = 0;
  hasEnded = false;
  readonly #socket: Socket<SocketPeer | undefined>;
  readonly #frames = new FrameDecoder(0xffff_ffff);
  #unsent: Buffer = Buffer.alloc(0);
  #changed = Promise.withResolvers<void>();
  #closedResolvers = Promise.withResolvers<void>();

  static async connect(port: number): Promise<SocketPeer> {
    const opened = Promise.withResolvers<SocketPeer>();
    await Bun.connect<SocketPeer | undefined>({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.data = new SocketPeer(socket);
          opened.resolve(socket.data);
        },
        data: (socket, chunk) => socket.data!.#receive(chunk),
        drain: (socket) => socket.data!.#flush(),
        end: (socket) => socket.data!.#ended(),
        close(socket) {
          if (socket.data !== undefined) socket.data.#closed();
        },
        error() {},
      },
    });
    return opened.promise;
  }

  /** Connects and says hello. */
  static async greeted(port: number): Promise<SocketPeer> {
    const peer = await SocketPeer.connect(port);
    peer.send((writer) => encodeHello(writer, 1));
    await peer.received(1);
    peer.responses.length = 0;
    return peer;
  }

  private constructor(socket: Socket<SocketPeer | undefined>) {
    this.#socket = socket;
    this.closed = this.#closedResolvers.promise;
  }

  send(encode: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    encode(writer);
    this.sendBytes(writer.bytes.subarray(0, writer.length));
  }

  sendBytes(bytes: Buffer): void {
    this.#unsent = Buffer.concat([this.#unsent, bytes]);
    this.#flush();
  }

  /** Waits until so many responses have come, or the connection has ended. */
  async received(count: number): Promise<TestResponse[]> {
    while (this.responses.length < count && !this.hasEnded) await this.#changed.promise;
    return this.responses;
  }

  /** Waits until the server has said all that it will say. */
  async ended(): Promise<TestResponse[]> {
    while (!this.hasEnded) await this.#changed.promise;
    return this.responses;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  goOnReading(): void {
    this.#socket.resume();
  }

  /** Says that nothing more comes, and goes on reading. */
  shutdown(): void {
    this.#socket.shutdown();
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.terminate();
  }

  #receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    this.#frames.push(chunk);
    while (this.#frames.next()) {
      const { bytes, start, end } = this.#frames;
      this.responses.push(toResponse(Buffer.from(bytes.subarray(start, end))));
    }
    this.#change();
  }

  #flush(): void {
    const taken = this.#socket.write(this.#unsent);
    if (taken > 0) this.#unsent = this.#unsent.subarray(taken);
  }

  #ended(): void {
    this.hasEnded = true;
    this.#socket.end();
    this.#change();
  }

  #closed(): void {
    this.hasEnded = true;
    this.#closedResolvers.resolve();
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
