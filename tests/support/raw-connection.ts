import type { Socket } from "bun";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { frameBytesMax } from "../../src/lib/limits.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { encodeHello } from "../../src/protocol/request-encoder.ts";
import {
  decodeError,
  decodeHelloReply,
  readHead,
  ResponseHead,
  type DecodedError,
} from "../../src/protocol/response-decoder.ts";
import { status } from "../../src/protocol/status.ts";

/** What became of a request. `undefined`: the connection ended first, so nobody knows. */
export type Answer<T> =
  { readonly value: T; readonly refusal?: undefined } | { readonly refusal: DecodedError } | undefined;

/** Appends a request of this id to the writer, as the functions of request-encoder.ts do. */
export type Encode = (writer: ByteWriter, id: number) => void;
/** Reads the body of the answer. */
export type Decode<T> = (bytes: Buffer, head: ResponseHead) => T;

/**
 * A connection that speaks the protocol with nothing between it and the socket: requests leave in the order of the
 * calls, those of one tick in one write, and everything that comes back is kept.
 */
export class RawConnection {
  /** Errors that the server sent about the connection itself. */
  readonly notices: DecodedError[] = [];
  readonly closed: Promise<void>;
  isClosed = false;
  /** Bytes of responses so far. */
  bytesReceived = 0;
  readonly #waiting = new Map<number, (bytes: Buffer | undefined, head: ResponseHead) => void>();
  readonly #decoder = new FrameDecoder(frameBytesMax);
  readonly #writer = new ByteWriter();
  readonly #head = new ResponseHead();
  readonly #markClosed: () => void;
  #socket: Socket<undefined> | undefined;
  #lastId = 0;
  #isFlushDue = false;

  private constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#markClosed = resolve;
  }

  /** Connects and says hello. */
  static async open(port: number, options: { hello?: boolean } = {}): Promise<RawConnection> {
    const connection = new RawConnection();
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => connection.#receive(chunk),
        drain: () => connection.#flush(),
        close: () => connection.#end(),
        error: () => connection.#end(),
      },
    });
    if (options.hello === false) return connection;
    const answer = await connection.request(encodeHello, decodeHelloReply);
    if (answer === undefined || answer.refusal !== undefined) {
      throw new Error(
        `The server did not say hello: ${answer?.refusal.message ?? "it closed the connection"}`,
      );
    }
    return connection;
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** Sends a request with the rest of this tick's. */
  request<T>(encode: Encode, decode: Decode<T>): Promise<Answer<T>> {
    if (this.isClosed) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    encode(this.#writer, id);
    this.#flushSoon();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (bytes, head) => {
        try {
          if (bytes === undefined) resolve(undefined);
          else if (head.status === status.OK) resolve({ value: decode(bytes, head) });
          else resolve({ refusal: decodeError(bytes, head) });
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.#writer.copy(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
    this.#flushSoon();
  }

  /** Bytes that the socket has not taken yet. */
  get unsentBytes(): number {
    return this.#writer.length;
  }

  /** Says that nothing more will be sent, and goes on receiving. */
  endSending(): void {
    this.#flush();
    this.#socket?.shutdown();
  }

  close(): void {
    this.#socket?.terminate();
    this.#end();
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.isClosed || this.#writer.length === 0) return;
    const taken = this.#socket!.write(this.#writer.bytes.subarray(0, this.#writer.length));
    if (taken > 0) this.#writer.consume(taken);
  }

  #receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    const decoder = this.#decoder;
    const head = this.#head;
    // The socket uses its buffer again, and the decoder keeps what it got.
    decoder.push(Buffer.from(chunk));
    while (decoder.next()) {
      readHead(decoder.bytes, decoder.start, decoder.end, head);
      const waiting = this.#waiting.get(head.correlationId);
      if (waiting !== undefined) {
        this.#waiting.delete(head.correlationId);
        waiting(decoder.bytes, head);
      } else if (head.correlationId === 0) {
        this.notices.push(decodeError(decoder.bytes, head));
      } else {
        throw new Error(`The server answered ${head.correlationId}, which nobody asked`);
      }
    }
  }

  #end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const waiting of this.#waiting.values()) waiting(undefined, this.#head);
    this.#waiting.clear();
    this.#markClosed();
  }
}
