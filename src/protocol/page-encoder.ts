import type { Buffer } from "node:buffer";
import { assert } from "../lib/assert.ts";
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
import { newestState } from "./opcodes.ts";
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
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    version: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const entries = this.#entries;
    const keyLength = keyEnd - keyStart;
    let offset = entries.reserve(2 * headBytesMax + uintBytesMax + keyLength + valueEnd - valueStart);
    const target = entries.bytes;
    if (keyLength > 0) {
      offset = writeBinRange(target, offset, keyBytes, keyStart, keyEnd);
      this.#elements++;
    }
    offset = writeUint(target, offset, version);
    if (version === 0) offset = writeNil(target, offset);
    else offset = writeBinRange(target, offset, valueBytes, valueStart, valueEnd);
    this.#elements += 2;
    entries.length = offset;
  }

  /**
   * Appends the page to `writer` and begins the next. `more`: there is more behind it. `snapshotId`: the one that
   * was opened for what is behind it, or `newestState` for none.
   */
  finish(writer: ByteWriter, id: number, more: boolean, snapshotId: number = newestState): void {
    assert(snapshotId === newestState || more, "a snapshot is opened for further pages only");
    const entries = this.#entries;
    const start = reserveFrame(writer, headBytesMax + entries.length + 1 + uintBytesMax);
    const { bytes } = writer;
    let offset = writeHead(bytes, start, snapshotId === newestState ? 4 : 5, id, status.OK);
    offset = writeArray(bytes, offset, this.#elements);
    offset += entries.bytes.copy(bytes, offset, 0, entries.length);
    offset = writeBoolean(bytes, offset, more);
    if (snapshotId !== newestState) offset = writeUint(bytes, offset, snapshotId);
    endFrame(writer, start, offset);
    this.clear();
  }

  /** Forgets what was collected. */
  clear(): void {
    this.#elements = 0;
    this.#entries.clear();
    this.#entries.shrink(2 * pageBytesMax);
  }
}
