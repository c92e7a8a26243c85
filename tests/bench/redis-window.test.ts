import { expect, test } from "bun:test";
import { AnswerMeter } from "./answer-meter.ts";
import { entryOf } from "./entry-of.ts";
import { RedisWindow } from "./redis-window.ts";

/** A socket that takes at most so many bytes at a time, and then nothing until it has drained; and what it took. */
function scriptedSocket(bytesAtOnce: number) {
  const taken: Buffer[] = [];
  let isFull = false;
  const socket = {
    write(bytes: Buffer, offset: number, length: number) {
      const count = isFull ? 0 : Math.min(length, bytesAtOnce);
      isFull = count < length;
      taken.push(Buffer.from(bytes.subarray(offset, offset + count)));
      return count;
    },
  } as unknown as Bun.Socket;
  return { socket, sent: () => Buffer.concat(taken), drain: () => (isFull = false) };
}

const numbersBelow = (count: number) => {
  let next = 0;
  return { next: () => (next < count ? next++ : -1) };
};

test("every entry is set once, as many at a time as there are slots, however bytes are cut", () => {
  const meter = new AnswerMeter();
  const window = new RedisWindow(numbersBelow(20), 3, meter);
  const { socket, sent, drain } = scriptedSocket(100);
  const frameBytes = 18 + 16 + 8 + 100 + 2;
  const drainUntil = (bytes: number) => {
    for (let tries = 0; tries < bytes && sent().length < bytes; tries++) {
      drain();
      window.send(socket);
    }
  };
  window.open(socket);
  drainUntil(3 * frameBytes);
  const answer = Buffer.from("+OK\r\n");
  for (let answers = 0; answers < 20; answers++) {
    expect([window.isDone, meter.answers]).toEqual([false, answers]);
    window.receive(socket, answer.subarray(0, 2));
    window.receive(socket, answer.subarray(2));
    // Two requests at most lie unsent when the next answer comes, which has to find room for another.
    if (answers % 2 === 1) drainUntil((answers + 1) * frameBytes);
  }
  drainUntil(20 * frameBytes);
  expect([window.isDone, meter.answers, sent().length]).toEqual([true, 20, 20 * frameBytes]);
  const entries = Array.from({ length: 20 }, (_, index) => {
    const frame = sent().subarray(index * frameBytes, (index + 1) * frameBytes);
    const key = frame.indexOf("$16\r\n") + 5;
    const value = frame.indexOf("\r\n$100\r\n", key + 16) + 8;
    expect(frame.toString("latin1", 0, key)).toBe("*3\r\n$3\r\nSET\r\n$16\r\n");
    return entryOf(frame.subarray(key, key + 16), frame.subarray(value, value + 100));
  });
  expect(entries).toEqual(Array.from({ length: 20 }, (_, number) => number));
});

test("any other answer ends the run", () => {
  const window = new RedisWindow(numbersBelow(20), 3, new AnswerMeter());
  const { socket } = scriptedSocket(1_000);
  window.open(socket);
  expect(() => window.receive(socket, Buffer.from("+OK\r\n-ERR no\r\n"))).toThrow("-ERR no");
});
