import { expect, test } from "bun:test";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { holdfastDialect, redisDialect, stampOffset, type Dialect } from "./dialect.ts";
import { keyBytes, numberOfKey } from "./numbered-entries.ts";
import { batchesOf, type RequestBatch } from "./request-batch.ts";
import { readRequest } from "./resp-server-fixture.ts";

interface Seen {
  isSet: boolean;
  entryNumber: number;
}

const stamp = 77;
const valueBytes = 100;

for (const { dialect, read } of [
  { dialect: holdfastDialect, read: readFrames },
  { dialect: redisDialect, read: readRedis },
]) {
  test(`batches for ${dialect.name} hold exactly their share of sets, and the entries that were drawn`, () => {
    const batches = mixed(dialect);
    let next = 500;
    const seen: Seen[] = [];
    for (const batch of batches) {
      const first = next;
      batch.fill({ next: () => next++ });
      const own = read(batch.bytes);
      expect(own.map(({ entryNumber }) => entryNumber)).toEqual(
        Array.from({ length: 16 }, (_, index) => first + index),
      );
      const sets = own.filter(({ isSet }) => isSet).map(({ entryNumber }) => entryNumber);
      expect(sets.length === 0 ? [-1] : sets).toContain(batch.setEntry);
      seen.push(...own);
    }
    expect(seen.filter(({ isSet }) => isSet).length).toBe(seen.length / 20);
    // All over the place, not in one batch.
    expect(batches.filter(({ setEntry }) => setEntry >= 0).length).toBeGreaterThan(batches.length / 4);
  });
}

test("a batch of one kind is the same one all the time, and a second filling leaves nothing of the first", () => {
  const batches = batchesOf(
    { dialect: holdfastDialect, setPercent: 100, valueBytes, stamp },
    3,
    seededRandom(1),
  );
  expect(batches.length).toBe(1);
  const [batch] = batches;
  for (const first of [10, 20]) {
    let next = first;
    batch!.fill({ next: () => next++ });
    expect(readFrames(batch!.bytes).map(({ entryNumber }) => entryNumber)).toEqual([
      first,
      first + 1,
      first + 2,
    ]);
  }
});

function mixed(dialect: Dialect): RequestBatch[] {
  return batchesOf({ dialect, setPercent: 5, valueBytes, stamp }, 16, seededRandom(1));
}

/** Each with an id of its own, or answers could not be told apart. */
function readFrames(bytes: Buffer): Seen[] {
  const frames = new FrameDecoder(bytes.length);
  const request = new RequestDecoder();
  const seen: Seen[] = [];
  const ids = new Set<number>();
  frames.push(bytes);
  while (frames.next()) {
    request.decode(frames.bytes, frames.start, frames.end);
    ids.add(request.correlationId);
    const isSet = request.opcode === opcode.put;
    const entryNumber = numberAt(frames.bytes, request.keyStart);
    if (isSet) expectValue(frames.bytes.subarray(request.valueStart, request.valueEnd), entryNumber);
    seen.push({ isSet, entryNumber });
  }
  expect(ids.size).toBe(seen.length);
  return seen;
}

function readRedis(bytes: Buffer): Seen[] {
  const seen: Seen[] = [];
  for (let at = 0; at < bytes.length;) {
    const { parts, end } = readRequest(bytes, at)!;
    const [command, key, value] = parts;
    const entryNumber = numberAt(key!, 0);
    if (value !== undefined) expectValue(value, entryNumber);
    seen.push({ isSet: command!.toString() === "SET", entryNumber });
    at = end;
  }
  return seen;
}

function expectValue(value: Buffer, entryNumber: number): void {
  expect(value.length).toBe(valueBytes);
  expect(numberAt(value, 0)).toBe(entryNumber);
  expect(value.readUInt32BE(stampOffset)).toBe(stamp);
}

function numberAt(bytes: Buffer, at: number): number {
  return numberOfKey(new DataView(bytes.buffer, bytes.byteOffset + at, keyBytes), 0);
}
