import { Buffer } from "node:buffer";
import { frameBytesMax, helloFrameBytesMax } from "../../../src/lib/limits.ts";
import { randomBelow, randomBytes, type Random } from "../../../src/lib/random.ts";
import { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { MalformedError } from "../../../src/protocol/protocol-error.ts";
import { hostileFrame } from "../../fuzz/hostile-frames.ts";
import { Disagreement } from "./frame-judge.ts";
import { roomForChanges, type FrameMaker } from "./frame-maker.ts";
import type { ResponseKind } from "./naive-responses.ts";

/**
 * Called with each payload that came out of a stream; the last two are what was said of the frame that went
 * in there.
 */
export type OnPayload = (
  bytes: Buffer,
  start: number,
  end: number,
  kind: ResponseKind,
  isCanonical: boolean,
) => void;

const streamBytesMax = 512 * 1024;
const framesPerStream = 64;

/**
 * Frames behind each other as one connection would send them: now and then with a length that lies, a piece
 * of another protocol, or an end in the middle; cut into chunks at any place. The real frame decoder must
 * find the payloads that four bytes of length and nothing else lead to, and refuse where a length is beyond
 * the limit.
 */
export class FrameStreams {
  readonly bytes = Buffer.alloc(streamBytesMax);
  length = 0;
  readonly #random: Random;
  readonly #kinds: ResponseKind[] = [];
  readonly #canonical: boolean[] = [];
  #isWhole = true;

  constructor(random: Random) {
    this.#random = random;
  }

  make(maker: FrameMaker): void {
    const { bytes } = this;
    const random = this.#random;
    let at = 0;
    this.#isWhole = true;
    for (let index = 0; index < framesPerStream; index++) {
      const end = maker.write(bytes, at, streamBytesMax);
      if (end === at) break;
      this.#kinds[index] = maker.kind;
      this.#canonical[index] = maker.isCanonical;
      at = end;
      if (randomBelow(random, 1024) === 0) at = this.#spoil(at, end);
    }
    this.length = randomBelow(random, 16) === 0 ? randomBelow(random, at) + 1 : at;
  }

  /**
   * Returns how many payloads came out. Throws a Disagreement, or whatever the decoder or `onPayload` throws.
   * Where the chunks end is up to `random`.
   */
  run(onPayload: OnPayload, random = this.#random): number {
    const limit = randomBelow(random, 4) === 0 ? helloFrameBytesMax : frameBytesMax;
    const decoder = new FrameDecoder(limit);
    const chunkBytesMax = chunkSizes[randomBelow(random, chunkSizes.length)]!;
    let frames = 0;
    let expectedAt = 0;
    let pushed = 0;
    while (pushed < this.length) {
      const chunkEnd = Math.min(this.length, pushed + 1 + randomBelow(random, chunkBytesMax));
      decoder.push(this.bytes.subarray(pushed, chunkEnd));
      pushed = chunkEnd;
      for (;;) {
        const length = expectedAt + 4 <= pushed ? this.bytes.readUInt32BE(expectedAt) : undefined;
        const isTooLong = length !== undefined && length > limit;
        const isThere = length !== undefined && expectedAt + 4 + length <= pushed;
        const found = nextOf(decoder);
        if (found !== (isTooLong ? "malformed" : isThere))
          throw new Disagreement(`the frame at ${expectedAt}`, `${found}`, `length ${length}`);
        if (isTooLong) return frames;
        if (!isThere) break;
        this.#expectPayload(decoder, expectedAt + 4, length);
        const index = this.#isWhole ? frames : frames % framesPerStream;
        onPayload(
          decoder.bytes,
          decoder.start,
          decoder.end,
          this.#kinds[index] ?? "pong",
          this.#isWhole && this.#canonical[index] === true,
        );
        frames++;
        expectedAt += 4 + length;
      }
      const buffered = pushed - expectedAt;
      if (decoder.bufferedBytes !== buffered)
        throw new Disagreement("the bytes that wait", `${decoder.bufferedBytes}`, `${buffered}`);
    }
    return frames;
  }

  /** Whatever follows is then cut into other frames than it was made of. */
  #spoil(at: number, end: number): number {
    const random = this.#random;
    this.#isWhole = false;
    if (randomBelow(random, 2) === 0) {
      const lie = [0, 1, 0xffff_ffff, frameBytesMax, frameBytesMax + 1, 300][randomBelow(random, 6)]!;
      this.bytes.writeUInt32BE(lie, randomBelow(random, Math.max(1, end - 4)));
      return at;
    }
    const piece = randomBelow(random, 2) === 0 ? hostileFrame(random) : randomBytes(random, 20);
    if (at + piece.length + roomForChanges > streamBytesMax || piece.length > 2_000) return at;
    this.bytes.set(piece, at);
    return at + piece.length;
  }

  #expectPayload(decoder: FrameDecoder, start: number, length: number): void {
    const { bytes, start: from, end: to } = decoder;
    if (to - from === length && bytes.compare(this.bytes, start, start + length, from, to) === 0) return;
    throw new Disagreement("a payload", bytes.toString("hex", from, to), `${length} bytes at ${start}`);
  }
}

/** The most bytes of a chunk: everything at once, sizes as of a network, a few bytes, one byte. */
const chunkSizes = [
  ...Array.from({ length: 16 }, () => streamBytesMax),
  ...[65_536, 65_536, 1_460, 1_460, 200, 200, 64, 16, 1],
];

function nextOf(decoder: FrameDecoder): boolean | "malformed" {
  try {
    return decoder.next();
  } catch (error) {
    if (error instanceof MalformedError) return "malformed";
    throw error;
  }
}
