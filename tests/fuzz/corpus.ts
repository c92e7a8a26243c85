import fc from "fast-check";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { request } from "../protocol/generators.ts";
import { encode, hexOf, type Request } from "../protocol/message.ts";

/**
 * Well-formed frames of every request. Half are as the generators of the protocol's tests make them, with all
 * the edges of lengths and numbers; the other half touch few keys and leave out what is not served yet, so
 * that they meet in the store.
 */
export class Corpus {
  readonly #small: Buffer[] = [];
  /** Those of the small frames, without their lengths. */
  readonly #payloads: Buffer[] = [];
  readonly #large: Buffer[] = [];

  constructor(seed: number, random: Random) {
    for (const message of fc.sample(request, { seed, numRuns: sampleCount })) {
      if (isCostly(message) && randomBelow(random, 32) > 0) continue;
      for (const frame of [encode(withShortLease(message)), encode(serveable(message, random))]) {
        if (frame.length <= smallFrameBytesMax) this.#small.push(frame);
        else this.#large.push(frame);
      }
    }
    for (const frame of this.#small) this.#payloads.push(frame.subarray(4));
  }

  small(random: Random): Buffer {
    return this.#small[randomBelow(random, this.#small.length)]!;
  }

  /** A small frame's payload. */
  payload(random: Random): Buffer {
    return this.#payloads[randomBelow(random, this.#payloads.length)]!;
  }

  /** Up to a few hundred KiB. */
  large(random: Random): Buffer {
    return this.#large[randomBelow(random, this.#large.length)]!;
  }
}

const sampleCount = 2_000;
const smallFrameBytesMax = 600;

/** What keeps a server busy for long: a crowd that asks for little else would prove little. */
function isCostly(message: Request): boolean {
  return message.message === "checkpoint" || message.message === "compact";
}

/** Most snapshots are forgotten at once, lest a server always had as many as it can hold. */
function withShortLease(message: Request): Request {
  return message.message === "openSnapshot" ? { ...message, leaseMs: 1 + (message.leaseMs % 300) } : message;
}

/** The same request about a key that others use as well, and with nothing that the server refuses for now. */
function serveable(message: Request, random: Random): Request {
  const key = () => pool[randomBelow(random, pool.length)]!;
  switch (message.message) {
    case "get":
      return { message: "get", id: message.id, key: key() };
    case "getMany":
      return { message: "getMany", id: message.id, keys: message.keys.map(key) };
    case "put":
    case "delete": {
      const { expiresAtMs: _, requestNumber: __, ifVersion, ...rest } = { expiresAtMs: 0, ...message };
      const isConditional = ifVersion !== undefined && randomBelow(random, 4) === 0;
      return { ...rest, key: key(), ...(isConditional && { ifVersion }) } as Request;
    }
    case "batch": {
      const operations = message.operations.map((operation) => {
        return operation.type === "put"
          ? { type: operation.type, key: key(), value: operation.value }
          : { type: operation.type, key: key() };
      });
      return { message: "batch", id: message.id, operations };
    }
    case "scan":
      return {
        message: "scan",
        id: message.id,
        reverse: message.reverse,
        limit: message.limit,
        prefix: poolPrefix,
        ...(message.keysOnly && { keysOnly: true }),
        ...(message.snapshotId !== undefined && { snapshotId: 0 }),
      };
    default:
      return withShortLease(message);
  }
}

const poolPrefix = hexOf(Buffer.from("fuzz/"));
const pool = Array.from({ length: 64 }, (_, index) =>
  hexOf(Buffer.from(`fuzz/${index}${"-".repeat(index % 8 === 0 ? index : 0)}`)),
);
