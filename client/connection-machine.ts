import type { Buffer } from "node:buffer";
import { assert } from "../src/lib/assert.ts";
import { ByteWriter } from "../src/lib/byte-writer.ts";
import { answerFrameBytesMax, mapBytesMax } from "../src/lib/limits.ts";
import { FrameDecoder } from "../src/protocol/frame-decoder.ts";
import type { HelloInfo } from "../src/protocol/hello.ts";
import { connectionId, correlationIdMax } from "../src/protocol/opcodes.ts";
import { MalformedError } from "../src/protocol/protocol-error.ts";
import { encodeHello, encodePing, type HelloOptions } from "../src/protocol/request-encoder.ts";
import {
  decodeError,
  decodeHelloReply,
  decodePong,
  readHead,
  ResponseHead,
} from "../src/protocol/response-decoder.ts";
import { status } from "../src/protocol/status.ts";
import { ConnectionError, ProtocolError, ServerError } from "./errors.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Whom a connection tells what happens on it. */
export interface ConnectionOwner {
  /** The server answered the hello: requests may be sent. */
  connectionReady(connection: ConnectionMachine, info: HelloInfo): void;
  /** A response to one of the owner's requests. The bytes are valid only during the call. */
  connectionAnswered(bytes: Buffer, head: ResponseHead): void;
  /** There may be room to send: answers came, or the socket drained. */
  connectionHasRoom(): void;
  /** The last word: nothing more is sent or received. */
  connectionEnded(connection: ConnectionMachine, error: Error): void;
}

/**
 * `opening`: the socket connects. `greeting`: hello was sent. `ready`. `draining`: the server stops, so it answers what
 * it has but is sent no more. `ended`.
 */
export type ConnectionPhase = "opening" | "greeting" | "ready" | "draining" | "ended";

/**
 * One connection, as a machine: bytes in, bytes out. It greets, cuts the bytes that come into responses, answers for
 * what concerns the connection itself, and ends once, whatever went wrong. It does not know what the requests are.
 */
export class ConnectionMachine implements TransportEvents {
  phase: ConnectionPhase = "opening";
  /** The socket took all that it was given. */
  isWritable = false;
  /** Chunks received so far: a sign of life is that it grows. */
  chunksReceived = 0;
  /** Whether the server answered the hello. */
  wasReady = false;
  /** Whether the server answered anything else. */
  hasAnswered = false;

  readonly #owner: ConnectionOwner;
  readonly #hello: HelloOptions;
  readonly #decoder = new FrameDecoder(helloReplyBytesMax);
  readonly #head = new ResponseHead();
  #transport: Transport | undefined;

  constructor(hello: HelloOptions, owner: ConnectionOwner) {
    this.#hello = hello;
    this.#owner = owner;
  }

  /** The transport that this machine gets its events from. */
  attach(transport: Transport): void {
    assert(this.#transport === undefined, "a connection has one transport");
    this.#transport = transport;
  }

  get canSend(): boolean {
    return this.phase === "ready" && this.isWritable;
  }

  /** Sends whole frames, which are in bytes[start, end) and valid only during the call. */
  send(bytes: Buffer, start: number, end: number): void {
    assert(this.canSend, "frames are sent while the connection can take them");
    this.isWritable = this.#transport!.send(bytes, start, end);
  }

  /** Asks for a sign of life. It goes out even while requests have to wait: a few bytes more do no harm. */
  ping(): void {
    this.#sendOwn((writer) => encodePing(writer, ownId));
  }

  /** Ends the connection because of an error, which may be that it is no longer needed. */
  fail(error: Error): void {
    if (this.phase === "ended") return;
    this.phase = "ended";
    this.isWritable = false;
    this.#transport?.destroy();
    this.#owner.connectionEnded(this, error);
  }

  /** Says goodbye; the owner is not told. Nothing waits for an answer any more. */
  end(): void {
    if (this.phase === "opening") this.#transport?.destroy();
    else if (this.phase !== "ended") this.#transport?.end();
    this.phase = "ended";
    this.isWritable = false;
  }

  /** Drops the socket, after `end`. */
  destroy(): void {
    assert(this.phase === "ended", "a connection is ended before its socket is dropped");
    this.#transport?.destroy();
  }

  opened(): void {
    if (this.phase !== "opening") return;
    this.phase = "greeting";
    this.isWritable = true;
    this.#sendOwn((writer) => encodeHello(writer, ownId, this.#hello));
  }

  received(bytes: Buffer): void {
    if (this.phase === "ended") return;
    this.chunksReceived++;
    try {
      this.#decoder.push(bytes);
      while (this.#decoder.next()) {
        this.#receive();
        if (this.#isEnded) return;
      }
    } catch (error) {
      this.fail(protocolError(error));
      return;
    }
    this.#owner.connectionHasRoom();
  }

  drained(): void {
    if (this.phase === "ended") return;
    this.isWritable = true;
    this.#owner.connectionHasRoom();
  }

  closed(error: Error | undefined): void {
    const reason = this.phase === "opening" ? "it cannot be reached" : "it closed the connection";
    const detail = error === undefined ? "" : `: ${messageOf(error)}`;
    this.fail(new ConnectionError(`Cannot talk to the server: ${reason}${detail}`, { cause: error }));
  }

  /** A getter, because the compiler does not see that a call of the owner's may end the connection. */
  get #isEnded(): boolean {
    return this.phase === "ended";
  }

  #receive(): void {
    const { bytes, start, end } = this.#decoder;
    const head = this.#head;
    readHead(bytes, start, end, head);
    if (this.phase === "greeting") {
      this.#receiveHello(bytes);
    } else if (head.correlationId === ownId) {
      this.hasAnswered = true;
      decodePong(bytes, head);
    } else if (head.correlationId === connectionId) {
      this.#receiveNotice(bytes);
    } else {
      this.hasAnswered = true;
      this.#owner.connectionAnswered(bytes, head);
    }
  }

  #receiveHello(bytes: Buffer): void {
    const head = this.#head;
    if (head.correlationId !== ownId && head.correlationId !== connectionId)
      throw new MalformedError(`the hello has the id ${ownId}, but its answer ${head.correlationId}`);
    if (head.status !== status.OK) {
      this.fail(this.#serverError(bytes, "Cannot greet the server"));
      return;
    }
    const { info } = decodeHelloReply(bytes, head);
    this.#decoder.frameBytesMax = Math.min(info.limits.frameBytesMax, answerFrameBytesMax);
    this.phase = "ready";
    this.wasReady = true;
    this.#owner.connectionReady(this, info);
  }

  /** The server's own voice: it is about to stop, or what it was sent made no sense to it. */
  #receiveNotice(bytes: Buffer): void {
    if (this.#head.status === status.SHUTTING_DOWN) {
      decodeError(bytes, this.#head);
      this.stopSending();
    } else {
      this.fail(this.#serverError(bytes, "Cannot talk to the server"));
    }
  }

  /** The server stops: it is sent nothing more. It closes the connection once it has answered. */
  stopSending(): void {
    if (this.phase === "ready") this.phase = "draining";
  }

  #serverError(bytes: Buffer, what: string): ServerError {
    const { code, message, outcome } = decodeError(bytes, this.#head);
    return new ServerError(code, this.#head.status, `${what}: ${message}`, outcome);
  }

  #sendOwn(encode: (writer: ByteWriter) => void): void {
    if (this.phase === "opening" || this.phase === "ended") return;
    const writer = new ByteWriter(64);
    encode(writer);
    if (!this.#transport!.send(writer.bytes, 0, writer.length)) this.isWritable = false;
  }
}

/** The one id that no call has: the connection's own, for hello and ping. */
const ownId = correlationIdMax;

/** Before the server has announced its limits: the map of a hello's reply, and what stands around it. */
const helloReplyBytesMax = mapBytesMax + 64;

/** Whatever went wrong while a message was read, even a bug of ours: the connection ends, and every call with it. */
function protocolError(cause: unknown): ProtocolError {
  return new ProtocolError(`Cannot understand the server: ${messageOf(cause)}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
