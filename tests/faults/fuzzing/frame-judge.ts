import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import * as limits from "../../../src/lib/limits.ts";
import { RequestDecoder, type RequestLimits } from "../../../src/protocol/request.ts";
import { statusName } from "../../../src/protocol/status.ts";
import { anyId, NaiveRequests } from "./naive-requests.ts";
import { NaiveResponses, type ResponseKind } from "./naive-responses.ts";
import { decodeRequest, encodeRequest, transcribeRequest } from "./real-requests.ts";
import { RealResponses } from "./real-responses.ts";
import { Transcript } from "./transcript.ts";

/**
 * Has one payload read by the real decoder and by the naive one, which must agree: on whether it is refused
 * and with which status, and on every field. What was accepted is encoded again, and must then say the same
 * in no more bytes.
 */
export class FrameJudge {
  /** The time that the real decoder took for the last frame, in milliseconds. */
  lastMs = 0;
  readonly #requests: RequestDecoder;
  readonly #naiveRequests: NaiveRequests;
  readonly #responses = new RealResponses();
  readonly #naiveResponses = new NaiveResponses();
  readonly #writer = new ByteWriter(1 << 16);
  readonly #real = new Transcript();
  readonly #naive = new Transcript();
  readonly #again = new Transcript();

  constructor(requestLimits: RequestLimits = limits) {
    this.#requests = new RequestDecoder(requestLimits);
    this.#naiveRequests = new NaiveRequests(requestLimits);
  }

  /**
   * The status of the request, 0 if it was accepted; `opcode` says what it asks for. Throws a Disagreement.
   */
  request(bytes: Buffer, start: number, end: number, isCanonical = false): number {
    const naive = this.#naiveRequests.read(bytes, start, end, this.#naive);
    const decoder = this.#requests;
    const beganAt = performance.now();
    const real = decodeRequest(decoder, bytes, start, end);
    this.lastMs = performance.now() - beganAt;
    if (real !== naive) throw new Disagreement("the status", statusName(real), statusName(naive));
    if (real !== 0) {
      const [id, naiveId] = [decoder.correlationId, this.#naiveRequests.correlationId];
      if (naiveId !== anyId && id !== naiveId)
        throw new Disagreement("whose request it is", `${id}`, `${naiveId}`);
      return real;
    }
    transcribeRequest(decoder, this.#real);
    this.#compare(this.#real.equals(this.#naive), "a field");
    this.#writer.clear();
    encodeRequest(decoder, this.#writer);
    const { bytes: written, length } = this.#writer;
    const again = this.#naiveRequests.read(written, 4, length, this.#again);
    if (again !== 0) throw new Disagreement("what was encoded again", "written", statusName(again));
    this.#expectSame(bytes, start, end, isCanonical);
    return real;
  }

  /** Whether the response was accepted. */
  response(kind: ResponseKind, bytes: Buffer, start: number, end: number, isCanonical = false): boolean {
    const naive = this.#naiveResponses.read(kind, bytes, start, end, this.#naive);
    const beganAt = performance.now();
    const real = this.#responses.decode(kind, bytes, start, end);
    this.lastMs = performance.now() - beganAt;
    if (real !== naive) throw new Disagreement(`whether it is a ${kind}`, `${real}`, `${naive}`);
    if (!real) return false;
    this.#responses.transcribe(this.#real);
    this.#compare(this.#real.equals(this.#naive), "a field");
    this.#writer.clear();
    if (!this.#responses.encode(this.#writer)) return true;
    const { bytes: written, length } = this.#writer;
    if (!this.#naiveResponses.read(kind, written, 4, length, this.#again))
      throw new Disagreement("what was encoded again", "written", "refused");
    this.#expectSame(bytes, start, end, isCanonical);
    return true;
  }

  get opcode(): number {
    return this.#requests.opcode;
  }

  #expectSame(bytes: Buffer, start: number, end: number, isCanonical: boolean): void {
    const { bytes: written, length } = this.#writer;
    if (written.readUInt32BE(0) !== length - 4) throw new Disagreement("a length", "written", `${length}`);
    this.#compare(this.#again.saysTheSameAs(this.#naive), "a field of what was encoded again", this.#again);
    if (length - 4 > end - start)
      throw new Disagreement("the shortest form", `${length - 4} bytes`, `${end - start}`);
    if (isCanonical && bytes.compare(written, 4, length, start, end) !== 0)
      throw new Disagreement("what an encoder wrote", written.toString("hex", 4, length), "other bytes");
  }

  #compare(isSame: boolean, what: string, real = this.#real): void {
    if (!isSame) throw new Disagreement(what, real.toString(), this.#naive.toString());
  }
}

export class Disagreement extends Error {
  constructor(what: string, real: string, naive: string) {
    super(`${what}: the real one says ${real.slice(0, 2_000)}, the naive one ${naive.slice(0, 2_000)}`);
    this.name = "Disagreement";
  }
}
