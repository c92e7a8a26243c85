import type { Buffer } from "node:buffer";
import { ByteWriter } from "../lib/byte-writer.ts";
import { pageBytesMax } from "../lib/limits.ts";
import {
  endFrame,
  headBytesMax,
  reserveFrame,
  uintBytesMax,
  writeArray,
  writeBinRange,
  writeBoolean,
  writeHead,
  writeNil,
  writeUint,
} from "./msgpack-writer.ts";
import { status } from "./status.ts";

/**
 * The answer to scan and to getMany: entries are collected until the page is full, then leave in one frame. They
 * are kept aside until then because the shortest head of their array depends on how many they are.
 */
export class PageEncoder {
  readonly #entries = new ByteWriter();
  #elements = 0;

  /** The size of what was collected, for whoever ends pages by bytes. */
  get byteLength(): number {
    return this.#entries.length;
  }

  /**
   * Adds an entry. Without a key (an empty range) it is one of getMany. Version 0 says that there is none: in a scan
   * that is allowed for the last entry of a page, and only says how far the scan came.
   */
  add(
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    version: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    const entries = this.#entries;
    const keyBytes = keyEnd - keyStart;
    let offset = entries.reserve(2 * headBytesMax + uintBytesMax + keyBytes + valueEnd - valueStart);
    const target = entries.bytes;
    if (keyBytes > 0) {
      offset = writeBinRange(target, offset, bytes, keyStart, keyEnd);
      this.#elements++;
    }
    offset = writeUint(target, offset, version);
    if (version === 0) offset = writeNil(target, offset);
    else offset = writeBinRange(target, offset, bytes, valueStart, valueEnd);
    this.#elements += 2;
    entries.length = offset;
  }

  /** Appends the page to `writer` and begins the next. `more`: there is more behind it. */
  finish(writer: ByteWriter, id: number, more: boolean): void {
    const entries = this.#entries;
    const start = reserveFrame(writer, headBytesMax + entries.length + 1);
    const { bytes } = writer;
    let offset = writeHead(bytes, start, 4, id, status.OK);
    offset = writeArray(bytes, offset, this.#elements);
    offset += entries.bytes.copy(bytes, offset, 0, entries.length);
    endFrame(writer, start, writeBoolean(bytes, offset, more));
    this.clear();
  }

  /** Forgets what was collected. */
  clear(): void {
    this.#elements = 0;
    this.#entries.clear();
    this.#entries.shrink(2 * pageBytesMax);
  }
}
