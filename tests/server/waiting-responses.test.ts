import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { randomBelow } from "../../src/lib/random.ts";
import { WaitingResponses } from "../../src/server/waiting-responses.ts";
import { WriterPool } from "../../src/server/writer-pool.ts";
import { seeded } from "../protocol/seed.ts";

/** A response that is nothing but its number, so that its place can be read back. */
function addResponse(waiting: WaitingResponses, number: number, visibleAt: number): void {
  const writer = waiting.begin(visibleAt);
  const offset = writer.reserve(4);
  writer.bytes.writeUInt32BE(number, offset);
}

function numbersIn(writer: ByteWriter): number[] {
  return Array.from({ length: writer.length / 4 }, (_, index) => writer.bytes.readUInt32BE(index * 4));
}

test("the buffer itself changes hands when all of it is released and nothing is in the way", () => {
  const waiting = new WaitingResponses(new WriterPool());
  const writer = waiting.begin(5);
  writer.reserve(4);
  expect(waiting.releasableSeq(4)).toBe(0);
  expect(waiting.releasableSeq(5)).toBe(5);
  expect(waiting.release(5, undefined)).toBe(writer);
  expect({ isEmpty: waiting.isEmpty, length: waiting.length, count: waiting.count }).toEqual({
    isEmpty: true,
    length: 0,
    count: 0,
  });
});

test("a queue that is never empty does not grow", () => {
  const pool = new WriterPool();
  const waiting = new WaitingResponses(pool);
  for (let number = 1; number <= 100_000; number++) {
    addResponse(waiting, number, number);
    waiting.endChunk();
    if (number <= 3) continue;
    const released = waiting.release(number - 3, undefined);
    expect(numbersIn(released)).toEqual([number - 3]);
    pool.give(released);
  }
  expect(waiting.count).toBe(3);
  expect(waiting.chunkSlots).toBeLessThan(200);
});

test("the bookkeeping of a busy moment is let go", () => {
  const waiting = new WaitingResponses(new WriterPool());
  for (let number = 1; number <= 5_000; number++) {
    addResponse(waiting, number, number);
    waiting.endChunk();
  }
  expect(waiting.release(5_000, undefined).length).toBe(20_000);
  expect(waiting.chunkSlots).toBe(0);
});

test(
  "responses come out in their order, none before its seq, all by the end",
  seeded((random) => {
    for (let round = 0; round < 100; round++) {
      const waiting = new WaitingResponses(new WriterPool());
      const visibleAts: number[] = [];
      const released: number[] = [];
      let seq = 0;
      let ackableSeq = 0;
      for (let step = 0; step < 300; step++) {
        if (randomBelow(random, 3) > 0) {
          seq += randomBelow(random, 3);
          const visibleAt = ackableSeq + 1 + randomBelow(random, Math.max(1, seq - ackableSeq));
          seq = Math.max(seq, visibleAt);
          addResponse(waiting, visibleAts.length, visibleAt);
          visibleAts.push(visibleAt);
          if (randomBelow(random, 3) === 0) waiting.endChunk();
          continue;
        }
        ackableSeq += randomBelow(random, seq - ackableSeq + 1);
        const releasable = waiting.releasableSeq(ackableSeq);
        if (releasable === 0) continue;
        const target = randomBelow(random, 2) === 0 ? undefined : new ByteWriter(16);
        const numbers = numbersIn(waiting.release(releasable, target));
        for (const number of numbers) expect(visibleAts[number]!).toBeLessThanOrEqual(releasable);
        released.push(...numbers);
        expect(waiting.count).toBe(visibleAts.length - released.length);
        expect(waiting.length).toBe(4 * waiting.count);
      }
      if (!waiting.isEmpty)
        released.push(...numbersIn(waiting.release(waiting.releasableSeq(seq), undefined)));
      expect(released).toEqual(visibleAts.map((_, index) => index));
    }
  }),
);
