import { fromHex } from "../protocol/message.ts";
import { naiveRequest } from "../protocol/naive-decoder.ts";

/** No hostile frame may name a key that begins so. */
export const honestPrefix = "honest/";

/**
 * Every entry that a well-formed frame of the crowd would have written. A store may hold these, with the keys
 * and values together as they were sent, and nothing else. What a frame writes is decided by the naive
 * decoder, which shares nothing with the server.
 */
export class SentEntries {
  // Digests of 64 bits: a million entries take some ten megabytes, and two are never taken for one another.
  readonly #digests = new Set<bigint>();
  readonly #keyDigests = new Set<bigint>();

  get count(): number {
    return this.#digests.size;
  }

  /** The payload of a put or of a batch. */
  add(payload: Buffer): void {
    const request = naiveRequest(payload);
    if (request.message === "put") this.#add(request.key, request.value);
    else if (request.message === "batch") {
      for (const operation of request.operations)
        if (operation.type === "put") this.#add(operation.key, operation.value);
    } else throw new Error(`The decoders disagree: a write to one is a ${request.message} to the other`);
  }

  has(key: Uint8Array, value: Uint8Array): boolean {
    return this.#digests.has(digest(key, value));
  }

  hasKey(key: Uint8Array): boolean {
    return this.#keyDigests.has(digest(key, noValue));
  }

  #add(keyHex: string, valueHex: string): void {
    const key = fromHex(keyHex);
    if (isHonest(key)) throw new Error("A hostile frame names an honest key, so that nothing could be told");
    this.#digests.add(digest(key, fromHex(valueHex)));
    this.#keyDigests.add(digest(key, noValue));
  }
}

export function isHonest(key: Buffer): boolean {
  return key.length >= honestPrefix.length && key.toString("latin1", 0, honestPrefix.length) === honestPrefix;
}

function digest(key: Uint8Array, value: Uint8Array): bigint {
  return Bun.hash.wyhash(value, Bun.hash.wyhash(key));
}

const noValue = Buffer.alloc(0);
