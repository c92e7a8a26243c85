import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { freeMemory } from "../../src/lib/free-memory.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { TestServer } from "./harness.ts";

const KiB = 1024;

/** A frame whose payload is so long. */
function frame(bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(4 + bytes).fill(7);
  whole.writeUInt32BE(bytes, 0);
  return whole;
}

test("a large buffer is freed, a small one and a part of another are not", () => {
  const [large, small, whole] = [1024, 1, 1024].map((kibibytes) => Buffer.allocUnsafeSlow(kibibytes * KiB));
  const part = whole!.subarray(0, 512 * KiB);
  for (const buffer of [large!, small!, part]) freeMemory(buffer);
  expect([large!.length, small!.length, part.length]).toEqual([0, KiB, 512 * KiB]);
  freeMemory(large!);
});

test("a decoder frees a chunk once it was read, and not before; a reader's own decoder frees none", () => {
  for (const isTransient of [true, false]) {
    const frames = new FrameDecoder(1024 * KiB, isTransient);
    const chunk = Buffer.concat([frame(100 * KiB), frame(100 * KiB)]);
    const own = Buffer.allocUnsafeSlow(chunk.length);
    chunk.copy(own);
    frames.push(own);
    expect([frames.next(), frames.next()]).toEqual([true, true]);
    expect(frames.bytes[frames.end - 1]).toBe(7);
    expect(frames.next()).toBe(false);
    expect(own.length).toBe(isTransient ? 0 : chunk.length);
  }
});

test("a decoder frees a chunk whose last frame was all that was left of it, once that is done with", () => {
  const decoder = new FrameDecoder(1 << 26, true);
  const chunks = [1, 2].map(() => {
    const chunk = Buffer.allocUnsafeSlow(512 * 1024);
    chunk.writeUInt32BE(chunk.length - 4, 0);
    return chunk;
  });
  decoder.push(chunks[0]!);
  expect(decoder.next()).toBe(true);
  decoder.push(chunks[1]!);
  expect(decoder.bytes.length).toBe(512 * 1024);
  expect(decoder.next()).toBe(true);
  expect(chunks.map(({ length }) => length)).toEqual([0, 512 * 1024]);
});

test("a decoder that is closed holds nothing any more", () => {
  const frames = new FrameDecoder(1024 * KiB, true);
  const [begun, waiting] = [frame(900 * KiB).subarray(0, 100 * KiB), Buffer.allocUnsafeSlow(100 * KiB)];
  frames.push(begun);
  expect(frames.next()).toBe(false);
  frames.push(waiting);
  expect(frames.bufferedBytes).toBe(200 * KiB);
  frames.close();
  expect([frames.bufferedBytes, waiting.length, frames.next()]).toEqual([0, 0, false]);
});

test("a writer keeps what was written when it grows and frees what it has outgrown", () => {
  const writer = new ByteWriter(128 * KiB, true);
  const first = writer.bytes;
  writer.copy(frame(100 * KiB), 0, 100 * KiB);
  writer.copy(frame(100 * KiB), 0, 100 * KiB);
  expect([first.length, writer.length, writer.bytes[100 * KiB - 1]]).toEqual([0, 200 * KiB, 7]);
});

test("what a peer that is sent away had sent and left unread is let go with it", () => {
  const host = new TestServer({ outputDeadlineMs: 1_000 }, { isInstant: true });
  const peer = host.greeted();
  peer.put(2, "a", "x".repeat(900 * KiB)).send();
  peer.take();
  peer.wire.room = 0;
  peer
    .get(3, "a")
    .send()
    .sendBytes(frame(900 * KiB).subarray(0, 500 * KiB));
  expect(host.server.stats()).toMatchObject({ inputBytes: 500 * KiB });
  host.clock.advance(5_000);
  expect(peer.wire.events).toEqual(["terminate"]);
  expect(host.server.stats()).toMatchObject({ inputBytes: 0, outputBytes: 0, connections: 0 });
});
