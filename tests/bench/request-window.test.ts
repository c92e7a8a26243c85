import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { randomBelow, seededRandom } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import {
  encodeEntry,
  encodeError,
  encodeHelloReply,
  encodeWritten,
} from "../../src/protocol/response-encoder.ts";
import { outcome, status } from "../../src/protocol/status.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";
import { AnswerMeter } from "./answer-meter.ts";
import { isValueOf, numberOfKey, valueBytes, writeValue } from "./numbered-entries.ts";
import { getRequests, maybeRequests, putRequests, type RequestKind } from "./request-kinds.ts";
import { RequestWindow, WrongAnswerError } from "./request-window.ts";

type Waiting = { id: number; kind: number; entryNumber: number };
type Answer = (output: ByteWriter, request: Waiting) => void;

/** A socket that takes what it likes, and behind it a server that answers in any order and cuts what it sends. */
class UnevenPeer {
  readonly taken: Waiting[] = [];
  readonly #random;
  readonly #frames = new FrameDecoder(1024);
  readonly #request = new RequestDecoder();
  readonly #waiting: Waiting[] = [];
  #hasHello = false;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  write(bytes: Buffer, start = 0, length = bytes.length): number {
    // The hello is the first thing that a socket gets, which takes so little at once.
    const random = this.#random;
    const takesSome = randomBelow(random, 3) > 0;
    const count = !this.#hasHello ? length : takesSome ? Math.min(length, randomBelow(random, 600)) : 0;
    this.#hasHello = true;
    this.#frames.push(Buffer.from(bytes.subarray(start, start + count)));
    while (this.#frames.next()) {
      const { bytes: frame, start: from, end } = this.#frames;
      this.#request.decode(frame, from, end);
      const { correlationId: id, opcode: kind, keyStart, valueStart } = this.#request;
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const entryNumber = kind === opcode.hello ? -1 : numberOfKey(view, keyStart);
      if (kind === opcode.put) expect(isValueOf(view, valueStart, entryNumber)).toBeTrue();
      this.#waiting.push({ id, kind, entryNumber });
    }
    return count;
  }

  /** Lets `window` have answers to some of what it asked; false when nothing is left. */
  turn(window: RequestWindow, answer: Answer): boolean {
    const random = this.#random;
    const socket = this as unknown as Bun.Socket;
    window.send(socket);
    const output = new ByteWriter();
    for (let count = randomBelow(random, this.#waiting.length + 1); count > 0; count--) {
      const [request] = this.#waiting.splice(randomBelow(random, this.#waiting.length), 1);
      if (request!.kind === opcode.hello) {
        encodeHelloReply(output, request!.id, { server: "uneven", ...scriptDefaults() });
      } else {
        this.taken.push(request!);
        answer(output, request!);
      }
    }
    for (let at = 0; at < output.length;) {
      const end = Math.min(output.length, at + 1 + randomBelow(random, 300));
      window.receive(socket, Buffer.from(output.bytes.subarray(at, end)));
      at = end;
    }
    return !window.isDone;
  }
}

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));

function run(kind: RequestKind, entries: number, answer: Answer) {
  const peer = new UnevenPeer(seed);
  const meter = new AnswerMeter();
  let next = 0;
  const window = new RequestWindow(kind, { next: () => (next < entries ? next++ : -1) }, 37, meter);
  window.greet(peer as unknown as Bun.Socket);
  while (peer.turn(window, answer));
  return { asked: peer.taken.map(({ entryNumber }) => entryNumber).sort((a, b) => a - b), meter, window };
}

const written: Answer = (output, { id }) => encodeWritten(output, id, 1 + id);

function entry(output: ByteWriter, { id, entryNumber }: Waiting): void {
  const value = Buffer.alloc(valueBytes);
  writeValue(new DataView(value.buffer, value.byteOffset, value.length), 0, entryNumber);
  encodeEntry(output, id, 1 + entryNumber, value, 0, valueBytes);
}

function absence(output: ByteWriter, { id }: Waiting): void {
  encodeEntry(output, id, 0, Buffer.alloc(0), 0, 0);
}

test(`each entry is asked for once, and each answer counted once, however bytes are cut (seed ${seed})`, () => {
  for (const [kind, answer] of [
    [putRequests(), written],
    [getRequests(() => true), entry],
  ] as const) {
    const { asked, meter, window } = run(kind, 2000, answer);
    expect(asked).toEqual(Array.from({ length: 2000 }, (_, number) => number));
    expect(meter.answers).toBe(2000);
    expect(window.unansweredEntries).toEqual([]);
  }
});

test("an entry that may be missing is told to be there or not, and its value is checked all the same", () => {
  const told: boolean[] = [];
  const kind = maybeRequests((entryNumber, isThere) => (told[entryNumber] = isThere));
  run(kind, 200, (output, waiting) => (waiting.entryNumber % 3 === 0 ? absence : entry)(output, waiting));
  expect(told).toEqual(Array.from({ length: 200 }, (_, number) => number % 3 !== 0));
});

test("requests without an answer are known by their entries", () => {
  const { window } = (() => {
    const peer = new UnevenPeer(seed);
    let next = 0;
    const window = new RequestWindow(putRequests(), { next: () => next++ }, 5, new AnswerMeter());
    window.greet(peer as unknown as Bun.Socket);
    while (window.unansweredEntries.length === 0) peer.turn(window, written);
    return { window };
  })();
  expect(window.unansweredEntries).toHaveLength(5);
  expect(window.isDone).toBeFalse();
});

const another: Answer = (output, waiting) => entry(output, { ...waiting, entryNumber: 77_777 });
const wrongAnswers: [string, RequestKind, Answer][] = [
  ["another entry's value", getRequests(() => true), another],
  ["another entry's value, where it may be missing", maybeRequests(() => {}), another],
  ["that an entry is missing", getRequests(() => true), absence],
  ["an entry that was never written", getRequests(() => false), entry],
  ["a write without a version", putRequests(), (output, { id }) => encodeWritten(output, id, 0)],
];

test.each(wrongAnswers)("%s is a wrong answer", (_, kind, answer) => {
  expect(() => run(kind, 100, answer)).toThrow(WrongAnswerError);
});

test("a refusal, and an answer that nobody asked for, end the run", () => {
  const refused: Answer = (output, { id }) =>
    encodeError(output, id, status.DISK_FULL, "no room", outcome.notApplied, []);
  expect(() => run(putRequests(), 100, refused)).toThrow("The server answered DISK_FULL: no room");
  const twice: Answer = (output, waiting) => {
    written(output, waiting);
    written(output, { ...waiting, id: 60_000 });
  };
  expect(() => run(putRequests(), 100, twice)).toThrow("which nobody asked");
});
