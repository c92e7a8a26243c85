import { frameBytesMax, helloFrameBytesMax } from "../../src/lib/limits.ts";
import {
  connectionId,
  newestState,
  opcode,
  snapshotWanted,
  unconditional,
  type Opcode,
} from "../../src/protocol/opcodes.ts";
import { ProtocolError, RefusedError } from "../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { status, type ErrorStatus } from "../../src/protocol/status.ts";

/** One answer that a server owes. */
export interface Answer {
  readonly id: number;
  /** Why the request is refused, whatever the store holds; undefined: the store answers. */
  readonly refusal: ErrorStatus | undefined;
  readonly opcode: Opcode;
  /** Whether the store may answer that a condition does not hold. */
  readonly isConditional: boolean;
  /** The key of a get. */
  readonly key: Buffer | undefined;
  /** Whether the answer may name a snapshot; and the store may answer that it holds as many as it can. */
  readonly opensSnapshot: boolean;
  /** Whether the entries of the answer have no values. */
  readonly isKeysOnly: boolean;
}

/** What a server must make of all that a connection sends. */
export interface Forecast {
  /** Frames that it takes; one that ends the connection is the last. */
  readonly frames: number;
  readonly answers: readonly Answer[];
  /** Whether the server ends the connection of its own accord, having answered everything. */
  readonly endsConnection: boolean;
  /** Bytes at the end that are the beginning of a frame. */
  readonly unfinishedBytes: number;
  /** The payloads of the puts and batches that reach the store. */
  readonly writes: readonly Buffer[];
}

/**
 * Reads a stream as the specification of the wire says that a server reads it, all at once and with nothing
 * that could carry over from one frame to the next. Which error a payload deserves is asked of the decoder of
 * requests; that one has its own tests, and here it decodes whole streams that never were in pieces.
 */
export function forecast(stream: Buffer, isGreetingDue = true): Forecast {
  const answers: Answer[] = [];
  const writes: Buffer[] = [];
  let isGreeting = isGreetingDue;
  let frames = 0;
  let offset = 0;
  const forecastOf = (endsConnection: boolean): Forecast => {
    const unfinishedBytes = endsConnection ? 0 : stream.length - offset;
    return { frames, answers, endsConnection, unfinishedBytes, writes };
  };

  while (stream.length - offset >= 4) {
    const length = stream.readUInt32BE(offset);
    if (length > (isGreeting ? helloFrameBytesMax : frameBytesMax)) {
      frames++;
      answers.push(answerOf(connectionId, status.MALFORMED));
      return forecastOf(true);
    }
    if (stream.length - offset - 4 < length) break;
    const start = offset + 4;
    offset = start + length;
    frames++;

    const error = errorOf(stream, start, offset, isGreeting);
    if (error !== undefined) {
      answers.push(answerOf(decoder.correlationId, error.status));
      if (isGreeting || !(error instanceof RefusedError)) return forecastOf(true);
      continue;
    }
    isGreeting = false;
    if (decoder.opcode === opcode.put || decoder.opcode === opcode.batch)
      writes.push(stream.subarray(start, offset));
    answers.push(storesAnswer(stream));
  }
  return forecastOf(false);
}

/** Leaves the decoder at the request. */
function errorOf(stream: Buffer, start: number, end: number, isGreeting: boolean): ProtocolError | undefined {
  const unserved = (code: ErrorStatus) => new RefusedError(code, "this server does not serve it");
  try {
    decoder.decode(stream, start, end);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const isStrange = isGreeting && decoder.opcode !== opcode.hello && error instanceof RefusedError;
    return isStrange ? unserved(status.HELLO_REQUIRED) : error;
  }
  if (decoder.opcode === opcode.hello) {
    if (!isGreeting) return unserved(status.INVALID_ARGUMENT);
    const { credentials, session } = decoder.hello!;
    if (credentials !== undefined || session !== undefined) return unserved(status.UNSUPPORTED);
  } else if (isGreeting) return unserved(status.HELLO_REQUIRED);
  if (decoder.expiresAtMs !== 0 || decoder.requestNumber !== 0) return unserved(status.UNSUPPORTED);
  return undefined;
}

/** What the store makes of the request that the decoder is at. */
function storesAnswer(stream: Buffer): Answer {
  const { correlationId: id, opcode: kind } = decoder;
  const scan = kind === opcode.scan ? decoder.scan : undefined;
  const snapshotId = scan?.snapshotId ?? decoder.snapshotId;
  // Ids of snapshots are 53 random bits: whoever made this stream beforehand knew none of them.
  if (snapshotId > newestState && kind !== opcode.closeSnapshot) return answerOf(id, status.SNAPSHOT_EXPIRED);
  return {
    ...answerOf(id, undefined),
    opcode: kind,
    isConditional: kind === opcode.batch || decoder.ifVersion !== unconditional,
    key: kind === opcode.get ? stream.subarray(decoder.keyStart, decoder.keyEnd) : undefined,
    opensSnapshot: kind === opcode.openSnapshot || snapshotId === snapshotWanted,
    isKeysOnly: scan?.keysOnly ?? false,
  };
}

function answerOf(id: number, refusal: ErrorStatus | undefined): Answer {
  const isPlain = { isConditional: false, key: undefined, opensSnapshot: false, isKeysOnly: false };
  return { id, refusal, opcode: opcode.ping, ...isPlain };
}

const decoder = new RequestDecoder();
