import { expect, test } from "bun:test";
import { encodeCalls, encodeFrame, FrameReader, frameType } from "./http2-frames.ts";

const frames = [
  encodeFrame(frameType.settings, 0, 0, Buffer.alloc(6, 1)),
  encodeFrame(frameType.data, 1, 7, Buffer.from("hello")),
  encodeFrame(frameType.ping, 1, 0, Buffer.alloc(0)),
  encodeFrame(frameType.data, 0, 2 ** 31 - 1, Buffer.alloc(300, "x")),
];
const all = Buffer.concat(frames);

/** In chunks of this size, out of one buffer that is used again, as a socket may. */
function readInChunks(size: number): string[] {
  const reader = new FrameReader();
  const reused = Buffer.alloc(size);
  const read: string[] = [];
  for (let at = 0; at < all.length; at += size) {
    const chunk = reused.subarray(0, all.copy(reused, 0, at, at + size));
    reader.push(chunk);
    while (reader.next()) {
      const { type, flags, streamId, bytes, start, end } = reader;
      read.push(`${type} ${flags} ${streamId} ${bytes.toString("latin1", start, end)}`);
    }
  }
  return read;
}

test("frames are read alike, however they are cut", () => {
  const whole = readInChunks(all.length);
  expect(whole).toHaveLength(frames.length);
  expect(whole[1]).toBe("0 1 7 hello");
  for (const size of [1, 2, 5, 9, 10, 14, 100]) expect(readInChunks(size)).toEqual(whole);
});

test("a call's stream and message are where it says", () => {
  const { first, later } = encodeCalls("/a.B/C", "localhost:1", Buffer.from("message"));
  for (const { bytes, streamIdOffsets, messageOffset } of [first, later]) {
    const call = Buffer.from(bytes);
    for (const offset of streamIdOffsets) call.writeUInt32BE(5, offset);
    expect(call.toString("latin1", messageOffset)).toBe("message");
    const reader = new FrameReader();
    reader.push(call);
    const streamIds: number[] = [];
    while (reader.next()) streamIds.push(reader.streamId);
    expect(streamIds).toEqual([5, 5]);
    // Not compressed, and as long as it is.
    expect(call.toString("hex", messageOffset - 5, messageOffset)).toBe("0000000007");
  }
  expect(later.bytes.length).toBeLessThan(first.bytes.length);
});
