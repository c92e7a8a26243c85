/**
 * As much of HTTP/2 (RFC 9113) as a gRPC call takes over a connection without TLS: the preface, the frames of a call,
 * and a reader of frames. A library's client costs more per call than etcd's answer does, and both share the cores.
 */
export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
export const flagAck = 0x1;
export const flagEndStream = 0x1;
const flagEndHeaders = 0x4;

export const frameHeadBytes = 9;
/** Before a message of gRPC: whether it is compressed, and its length. */
export const messageHeadBytes = 5;

/** What both windows of flow control have without further words. */
export const windowBytesInitial = 65_535;
const windowBytesMax = 2 ** 31 - 1;

export function encodeFrame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeadBytes + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(streamId, 5);
  frame.set(payload, frameHeadBytes);
  return frame;
}

/** What a client sends first: nothing is pushed to it, and answers of any size need not wait for it. */
export function encodePreface(): Buffer {
  const settings = Buffer.alloc(12);
  settings.writeUInt16BE(0x2, 0);
  settings.writeUInt16BE(0x4, 6);
  settings.writeUInt32BE(windowBytesMax, 8);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    encodeFrame(frameType.settings, 0, 0, settings),
    encodeWindowUpdate(windowBytesMax - windowBytesInitial),
  ]);
}

/** Of the connection's window. */
export function encodeWindowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame(frameType.windowUpdate, 0, 0, payload);
}

/** A call: its headers, and the one frame of its message. Where the message begins is the callers' to fill in. */
export interface EncodedCall {
  bytes: Buffer;
  /** Where the stream's id stands: in both frames. */
  streamIdOffsets: [number, number];
  messageOffset: number;
}

export interface EncodedCalls {
  /** The first call of a connection: it has the server remember the headers. */
  first: EncodedCall;
  /** Every later one, which only points at them. */
  later: EncodedCall;
}

export function encodeCalls(path: string, authority: string, message: Uint8Array): EncodedCalls {
  const remembered = [
    literal(4, path),
    literal(1, authority),
    literal(31, "application/grpc"),
    Buffer.concat([Buffer.of(0x40), text("te"), text("trailers")]),
  ];
  // The newest of what is remembered has the lowest number, 62.
  const indexes = remembered.map((_, index) => 0x80 | (62 + remembered.length - 1 - index));
  return {
    first: encodeCall(Buffer.concat([fixedHeaders, ...remembered]), message),
    later: encodeCall(Buffer.concat([fixedHeaders, Buffer.from(indexes)]), message),
  };
}

/** ":method: POST" and ":scheme: http", by their numbers in HPACK's own table. */
const fixedHeaders = Buffer.of(0x83, 0x86);

/** A header whose name has a number below 63 in HPACK's own table, remembered from then on. */
function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40 | nameIndex), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length > 126) throw new Error(`This is too long for a header: ${value}`);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function encodeCall(headerBlock: Buffer, message: Uint8Array): EncodedCall {
  const head = Buffer.alloc(messageHeadBytes);
  head.writeUInt32BE(message.length, 1);
  const headers = encodeFrame(frameType.headers, flagEndHeaders, 0, headerBlock);
  const data = encodeFrame(frameType.data, flagEndStream, 0, Buffer.concat([head, message]));
  return {
    bytes: Buffer.concat([headers, data]),
    streamIdOffsets: [5, headers.length + 5],
    messageOffset: headers.length + frameHeadBytes + messageHeadBytes,
  };
}

/**
 * Takes chunks and gives frames: after `next()`, the frame's payload is bytes[start .. end), until the next call. Whoever
 * pushes a chunk takes all frames before it pushes the next.
 */
export class FrameReader {
  bytes: Buffer = Buffer.alloc(0);
  type = 0;
  flags = 0;
  streamId = 0;
  start = 0;
  end = 0;

  push(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    this.start = this.end = 0;
  }

  /** False when the next frame isn't there as a whole. Its beginning is kept, as a copy: the chunk is the socket's. */
  next(): boolean {
    const { bytes } = this;
    const head = this.end;
    const hasHead = bytes.length - head >= frameHeadBytes;
    const end = hasHead ? head + frameHeadBytes + bytes.readUIntBE(head, 3) : Infinity;
    if (end > bytes.length) {
      this.bytes = Buffer.from(bytes.subarray(head));
      this.start = this.end = 0;
      return false;
    }
    this.type = bytes[head + 3]!;
    this.flags = bytes[head + 4]!;
    this.streamId = bytes.readUInt32BE(head + 5) & 0x7fff_ffff;
    this.start = head + frameHeadBytes;
    this.end = end;
    return true;
  }
}
