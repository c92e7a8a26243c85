import type { Buffer } from "node:buffer";
import type { ByteWriter } from "../src/lib/byte-writer.ts";
import type { ResponseHead } from "../src/protocol/response-decoder.ts";

/** One kind of request: how it becomes a frame, and what its answer is. There is one object for each kind. */
export interface Operation<Args, Answer> {
  /** A write that was sent and not answered may have happened; anything else may be done twice, and is sent again. */
  readonly isWrite: boolean;
  /** Appends the frame. Called again, for a read, when it has to be sent on another connection. */
  encode(writer: ByteWriter, id: number, args: Args): void;
  /** The answer from a response whose status is OK. `bytes` are the socket's: what is kept is copied. */
  decode(bytes: Buffer, head: ResponseHead, args: Args): Answer;
  /** What is done to what, to follow "Cannot" in a message; `operationIndex` picks one out of a batch. */
  describe(args: Args, operationIndex?: number): string;
}

export type AnyOperation = Operation<unknown, unknown>;
