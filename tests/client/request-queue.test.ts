import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { CallTable, type Call } from "../../client/call.ts";
import type { AnyOperation } from "../../client/operation.ts";
import { RequestQueue } from "../../client/request-queue.ts";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { forManySeeds } from "../support/seeds.ts";

/** Frames that say whose they are, so that a byte in the wrong place shows. */
const operation: AnyOperation = {
  isWrite: false,
  encode(writer, id, args) {
    const start = writer.reserve(4 + (args as number));
    writer.bytes.fill(id & 0xff, start, writer.length);
    if ((args as number) % 97 === 96) throw new Error("this one cannot be encoded");
  },
  decode: () => undefined,
  describe: () => "fill",
};

const frameOf = (call: Call, bytes: number) => Buffer.alloc(4 + bytes, call.id & 0xff);

/**
 * The queue beside a list of frames: however calls are added, ended while they wait, taken in slices or all taken out,
 * what is sent is the frames of those that still wanted to be, each once and in their order.
 */
test("the queue sends what a list of frames would", async () => {
  await forManySeeds(40, (random) => {
    const table = new CallTable(() => {});
    const queue = new RequestQueue(table);
    let model: { call: Call; frame: Buffer }[] = [];
    const inFlight: Call[] = [];

    for (let step = 0; step < 2_000; step++) {
      switch (randomBelow(random, 10)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
          append(random, table, queue, model);
          break;
        case 5:
        case 6: {
          // Ends several at once now and then, so that the queue is more holes than calls.
          for (let count = randomBelow(random, randomBelow(random, 50) === 0 ? 500 : 3); count > 0; count--) {
            const [ended] = model.splice(randomBelow(random, model.length + 1), 1);
            if (ended === undefined) continue;
            ended.call.forget();
            queue.remove(ended.call);
          }
          break;
        }
        case 7:
        case 8: {
          if (queue.isEmpty) break;
          const bytesMax = 1 + randomBelow(random, 20_000);
          const taken = queue.take(1 + randomBelow(random, 20), bytesMax);
          const expected = model.splice(0, taken);
          const slice = queue.bytes.subarray(queue.sliceStart, queue.sliceEnd);
          expect(slice.equals(Buffer.concat(expected.map(({ frame }) => frame)))).toBe(true);
          expect(taken).toBeGreaterThan(0);
          if (taken > 1) expect(slice.length).toBeLessThanOrEqual(bytesMax);
          queue.taken();
          for (const { call } of expected) {
            expect(call.state).toBe("sent");
            inFlight.push(call);
          }
          break;
        }
        default:
          if (randomBelow(random, 100) === 0) {
            expect(queue.clear()).toEqual(model.map(({ call }) => call));
            for (const { call } of model) table.release(call);
            model = [];
          }
          for (const call of inFlight.splice(0)) table.release(call);
      }
      expect(queue.isEmpty).toBe(model.length === 0);
      const waitingBytes = model.reduce((sum, { frame }) => sum + frame.length, 0);
      expect(queue.frameBytes).toBeGreaterThanOrEqual(waitingBytes);
      expect(queue.frameBytes).toBeLessThanOrEqual(Math.max(2 * waitingBytes, waitingBytes + 64 * 1024));
    }
    // Every slot is accounted for: none leaks, however its call ended.
    for (const { call } of model) {
      call.forget();
      queue.remove(call);
    }
    for (const call of inFlight) table.release(call);
    expect(table.slots.every((call) => call.state === "free")).toBe(true);
  });
});

function append(
  random: Random,
  table: CallTable,
  queue: RequestQueue,
  model: { call: Call; frame: Buffer }[],
): void {
  const call = table.take()!;
  const bytes = randomBelow(random, randomBelow(random, 4) === 0 ? 8_000 : 200);
  call.begin(operation, bytes);
  const waiting = queue.frameBytes;
  if (bytes % 97 === 96 || bytes > 7_900) {
    expect(() => queue.append(call, 7_900)).toThrow();
    expect(queue.frameBytes).toBe(waiting);
    table.release(call);
    return;
  }
  queue.append(call, 7_900);
  model.push({ call, frame: frameOf(call, bytes) });
}
