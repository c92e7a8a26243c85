import { Buffer } from "node:buffer";
import fc from "fast-check";
import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { hostileFrame } from "../../fuzz/hostile-frames.ts";
import { falseHelloFrame, helloFrame } from "../../fuzz/hello-frames.ts";
import { randomElement } from "../../fuzz/random-msgpack.ts";
import { refusedFrame } from "../../fuzz/refused-frames.ts";
import { request, response } from "../../protocol/generators.ts";
import { encode, type Message } from "../../protocol/message.ts";
import { helloReply } from "./hello-replies.ts";
import { mutateElements, type MutableFrame } from "./mutate-elements.ts";
import { responseKinds, type ResponseKind } from "./naive-responses.ts";
import { Tape } from "./tape.ts";

/**
 * Makes frames from a pool of well-formed and of hostile ones, most of them changed in one to three places.
 * They are written straight into the stream that they are to be part of: to make one must take no longer than
 * to judge it.
 */
export class FrameMaker {
  /**
   * Of the frame written last: whether it is just what an encoder has written, and what a client expects it
   * to be.
   */
  isCanonical = false;
  kind: ResponseKind = "pong";
  readonly #random: Random;
  readonly #small: Sample[] = [];
  readonly #large: Sample[] = [];
  readonly #elements: Buffer[];
  readonly #frame: MutableFrame = { bytes: Buffer.alloc(0), start: 0, end: 0, limit: 0 };

  constructor(direction: "requests" | "responses", seed: number, samples = 1_500) {
    this.#random = seededRandom(seed);
    const random = this.#random;
    const isRequests = direction === "requests";
    const messages: Message[] = isRequests
      ? fc.sample(request, { seed, numRuns: samples })
      : [
          ...fc.sample(response, { seed, numRuns: samples }),
          ...Array.from({ length: samples / 16 }, () => helloReply(random)),
        ];
    for (const [index, message] of messages.entries()) {
      // Maps cost ten times what other messages do, and are few on the wire.
      const isMap = message.message === "statsReply" || message.message === "helloReply";
      if (!isMap || index % 4 === 0) this.#add(encode(message).subarray(4), message.message);
    }
    if (isRequests) {
      for (let index = 0; index < samples / 4; index++) {
        const maker = [hostileFrame, refusedFrame, helloFrame, falseHelloFrame][index % 4]!;
        this.#add(maker(random).subarray(4), "hostile");
      }
    }
    this.#elements = Array.from({ length: 512 }, () => randomElement(random)).filter(
      ({ length }) => length > 0,
    );
  }

  /** Writes a frame to `target[at, limit)`, its length too, and returns its end; `at` if it does not fit. */
  write(target: Buffer, at: number, limit: number): number {
    const random = this.#random;
    const pool = this.#large.length > 0 && randomBelow(random, 4096) === 0 ? this.#large : this.#small;
    const sample = pool[randomBelow(random, pool.length)]!;
    const start = at + 4;
    // Every change makes a frame longer by less than this.
    if (start + sample.payload.length + roomForChanges > limit) return at;
    this.#copy(sample.payload, target, start);
    const frame = this.#frame;
    frame.bytes = target;
    frame.start = start;
    frame.end = start + sample.payload.length;
    frame.limit = limit;
    const changes = changeCounts[randomBelow(random, changeCounts.length)]!;
    for (let left = changes; left > 0; left--) {
      const other = this.#small[randomBelow(random, this.#small.length)]!.payload;
      mutateElements(frame, sample.heads, this.#elements, other, random);
    }
    target.writeUInt32BE(frame.end - start, at);
    this.isCanonical = changes === 0 && sample.isCanonical;
    const isAsExpected = sample.kind !== undefined && randomBelow(random, 8) > 0;
    this.kind = isAsExpected ? sample.kind! : responseKinds[randomBelow(random, responseKinds.length)]!;
    return frame.end;
  }

  #copy(source: Buffer, target: Buffer, at: number): void {
    if (source.length > 48) source.copy(target, at);
    else for (let index = 0; index < source.length; index++) target[at + index] = source[index]!;
  }

  #add(payload: Buffer, message: Message["message"] | "hostile"): void {
    if (payload.length === 0) return;
    const kind = (responseKinds as readonly string[]).includes(message)
      ? (message as ResponseKind)
      : undefined;
    // Of a map the order of the keys is nobody's to keep.
    const isCanonical = message !== "hostile" && message !== "statsReply" && message !== "helloReply";
    tape.read(payload, 0, payload.length);
    // The head of an element begins where the element before it, or its head, ends.
    const heads = Int32Array.from({ length: Math.min(tape.count, 64) }, (_, index) =>
      index === 0 ? 0 : tape.ends[index - 1]!,
    );
    const sample = { payload: Buffer.from(payload), heads, kind, isCanonical };
    if (payload.length <= smallBytesMax) this.#small.push(sample);
    else if (payload.length <= largeBytesMax) this.#large.push(sample);
  }
}

interface Sample {
  readonly payload: Buffer;
  /** Where elements begin. */
  readonly heads: Int32Array;
  readonly kind: ResponseKind | undefined;
  readonly isCanonical: boolean;
}

/**
 * Most frames are changed once: what is changed in three places is most often refused for the first of them.
 */
const changeCounts = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3];

const tape = new Tape();
const smallBytesMax = 400;
const largeBytesMax = 150_000;

/** Three changes, each of which may add an element of the pool or the end of another small frame. */
export const roomForChanges = 3 * 4 * smallBytesMax;
