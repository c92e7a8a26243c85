import { describe, expect, spyOn, test } from "bun:test";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { MalformedError } from "../../src/protocol/protocol-error.ts";
import { cut, inEveryChunking, randomChunkLength } from "./chunking.ts";
import { seeded } from "./seed.ts";

const MiB = 1024 * 1024;

function frameOf(payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + payload.length);
  frame.writeUInt32BE(payload.length);
  frame.set(payload, 4);
  return frame;
}

function payloadOf(decoder: FrameDecoder): Buffer {
  return Buffer.from(decoder.bytes.subarray(decoder.start, decoder.end));
}

describe("FrameDecoder", () => {
  test(
    "finds frames of every length around its buffers' sizes, in any chunks",
    seeded((random) => {
      const payloads = [0, 1, 3, 4, 251, 252, 253, 4_091, 4_092, 4_093, 70_000].map((length) =>
        randomBytes(random, length),
      );
      inEveryChunking(Buffer.concat(payloads.map(frameOf)), random, (found) => {
        expect(found).toEqual(payloads.map((payload) => Buffer.from(payload)));
      });
    }),
  );

  test("hands out a frame that lies whole in a chunk without copying it", () => {
    const decoder = new FrameDecoder(100);
    const chunk = Buffer.concat([frameOf(Buffer.from("first")), frameOf(Buffer.from("second"))]);
    decoder.push(chunk);
    expect(decoder.next()).toBe(true);
    expect(decoder.bytes).toBe(chunk);
    expect([decoder.start, decoder.end]).toEqual([4, 9]);
    expect(decoder.next()).toBe(true);
    expect(decoder.bytes).toBe(chunk);
    expect([decoder.start, decoder.end]).toEqual([13, 19]);
    expect(decoder.next()).toBe(false);
  });

  test("shows what has come of a frame that is not whole, and keeps it", () => {
    const decoder = new FrameDecoder(100);
    const frame = frameOf(Buffer.from("payload"));
    const seen: string[] = [];
    for (const [start, end] of [
      [0, 3],
      [3, 4],
      [4, 9],
      [9, 10],
    ] as const) {
      decoder.push(frame.subarray(start, end));
      expect(decoder.next()).toBe(false);
      seen.push(decoder.unfinished().toString());
    }
    expect(seen).toEqual(["", "", "paylo", "payloa"]);
    decoder.push(frame.subarray(10));
    expect(decoder.next()).toBe(true);
    expect(payloadOf(decoder).toString()).toBe("payload");
    expect(decoder.next()).toBe(false);
    expect(decoder.unfinished()).toHaveLength(0);
  });

  test("keeps what it was not asked for, across further chunks", () => {
    const decoder = new FrameDecoder(100);
    const [one, two, three] = ["one", "two", "three"].map((text) => frameOf(Buffer.from(text))) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    decoder.push(Buffer.concat([one, two, three.subarray(0, 2)]));
    expect(decoder.next()).toBe(true);
    decoder.push(three.subarray(2, 6));
    decoder.push(three.subarray(6));
    expect(payloadOf(decoder).toString()).toBe("one");
    expect(decoder.bufferedBytes).toBe(two.length + three.length);
    expect(decoder.next()).toBe(true);
    expect(payloadOf(decoder).toString()).toBe("two");
    expect(decoder.next()).toBe(true);
    expect(payloadOf(decoder).toString()).toBe("three");
    expect(decoder.next()).toBe(false);
    expect(decoder.bufferedBytes).toBe(0);
  });

  test(
    "yields the frames that were sent, however pushes, pauses and pulls are mixed",
    seeded((random) => {
      for (let round = 0; round < 300; round++) mixPushesAndPulls(random);
    }),
  );

  test("counts as buffered what belongs to a frame that was begun", () => {
    const decoder = new FrameDecoder(100);
    decoder.push(Buffer.from([0, 0]));
    expect(decoder.next()).toBe(false);
    expect(decoder.bufferedBytes).toBe(2);
    decoder.push(Buffer.from([0, 2, 7]));
    expect(decoder.next()).toBe(false);
    expect(decoder.bufferedBytes).toBe(5);
    decoder.push(Buffer.from([7]));
    expect(decoder.next()).toBe(true);
    expect(decoder.bufferedBytes).toBe(0);
  });

  test("holds memory for the bytes received, not for the length announced", () => {
    const decoder = new FrameDecoder(32 * MiB);
    using allocations = spyOn(Buffer, "allocUnsafeSlow");
    const frame = frameOf(Buffer.alloc(32 * MiB - 1));
    let received = 0;
    for (const chunk of [
      frame.subarray(0, 4),
      ...Array.from({ length: 16 }, (_, at) => frame.subarray(4 + at * 1000, 1004 + at * 1000)),
    ]) {
      decoder.push(chunk);
      expect(decoder.next()).toBe(false);
      received += chunk.length;
      for (const [size] of allocations.mock.calls)
        expect(size).toBeLessThanOrEqual(Math.max(256, 2 * received));
    }
    expect(allocations.mock.calls.length).toBeGreaterThan(0);
  });

  test("gives the memory of a large frame back once it was read", () => {
    const decoder = new FrameDecoder(MiB);
    const large = frameOf(Buffer.alloc(MiB, 1));
    for (const half of [large.subarray(0, MiB / 2), large.subarray(MiB / 2)]) {
      decoder.push(half);
      decoder.next();
    }
    expect(decoder.end - decoder.start).toBe(MiB);
    expect(decoder.next()).toBe(false);
    // The next frame is gathered in a small buffer that is made for it: the large one is gone.
    using allocations = spyOn(Buffer, "allocUnsafeSlow");
    decoder.push(Buffer.from([0, 0]));
    expect(decoder.next()).toBe(false);
    expect(allocations.mock.calls.map(([size]) => size)).toEqual([256]);
  });

  test("refuses a length beyond its limit before a byte of it came, and again if asked again", () => {
    const decoder = new FrameDecoder(10);
    decoder.push(Buffer.from([0, 0, 0, 11]));
    expect(() => decoder.next()).toThrow(MalformedError);
    expect(() => decoder.next()).toThrow("a frame of 11 bytes is beyond the limit of 10");
  });

  test("accepts longer frames once its limit was raised", () => {
    const decoder = new FrameDecoder(3);
    decoder.push(Buffer.concat([frameOf(Buffer.from("abc")), frameOf(Buffer.from("longer"))]));
    expect(decoder.next()).toBe(true);
    decoder.frameBytesMax = 6;
    expect(decoder.next()).toBe(true);
    expect(payloadOf(decoder).toString()).toBe("longer");
  });

  test(
    "throws nothing but MalformedError on 20,000 streams of nonsense",
    seeded((random) => {
      let refused = 0;
      for (let round = 0; round < 20_000; round++) {
        const decoder = new FrameDecoder(4096);
        // Zeros make lengths that pass; the rest is anything.
        const stream = Buffer.from(
          randomBytes(random, 60).map((byte) => (randomBelow(random, 2) === 0 ? 0 : byte)),
        );
        try {
          for (const chunk of cut(stream, () => randomChunkLength(random))) {
            decoder.push(chunk);
            while (decoder.next()) expect(decoder.end).toBeGreaterThanOrEqual(decoder.start);
            expect(decoder.bufferedBytes).toBeLessThanOrEqual(stream.length);
          }
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error;
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(1_000);
      expect(refused).toBeLessThan(19_000);
    }),
  );
});

function mixPushesAndPulls(random: Random): void {
  const payloads = Array.from({ length: 1 + randomBelow(random, 12) }, () =>
    randomBytes(random, randomBelow(random, 400)),
  );
  const stream = Buffer.concat(payloads.map(frameOf));
  const chunks = cut(stream, () => randomChunkLength(random));
  const decoder = new FrameDecoder(400);
  const found: Buffer[] = [];
  let pushed = 0;
  let handedOut = 0;
  let isDry = false;
  while (chunks.length > 0 || !isDry) {
    if (chunks.length > 0 && (isDry || randomBelow(random, 2) === 0)) {
      const chunk = chunks.shift()!;
      decoder.push(chunk);
      pushed += chunk.length;
      isDry = false;
    } else if (decoder.next()) {
      found.push(payloadOf(decoder));
      handedOut += 4 + decoder.end - decoder.start;
    } else isDry = true;
    expect(decoder.bufferedBytes).toBe(pushed - handedOut);
  }
  expect(found).toEqual(payloads.map((payload) => Buffer.from(payload)));
}
