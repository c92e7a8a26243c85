import { ByteWriter } from "../lib/byte-writer.ts";
import { freeMemory } from "../lib/free-memory.ts";
import { PageEncoder } from "../protocol/page-encoder.ts";
import { spareWriterBytesMax, spareWritersBytesTotalMax, spareWritersMax } from "../lib/limits.ts";

/**
 * The output buffers of all connections. A connection holds one only while it has something to say, so ten
 * thousand silent ones hold none; and a buffer that one huge answer made large is let go instead of kept.
 */
export class WriterPool {
  // Invariant: every spare writer is empty, and no larger than spareWriterBytesMax; together they have spareBytes.
  readonly #spare: ByteWriter[] = [];
  #spareBytes = 0;
  /** Pages are collected within a call of a local store, so one encoder serves all connections there. */
  #sparePage: PageEncoder | undefined;

  get spareCount(): number {
    return this.#spare.length;
  }

  take(): ByteWriter {
    const spare = this.#spare.pop();
    if (spare === undefined) return new ByteWriter(writerBytesInitial, true);
    this.#spareBytes -= spare.bytes.length;
    return spare;
  }

  give(writer: ByteWriter): void {
    const { length } = writer.bytes;
    const isKept = length <= spareWriterBytesMax && this.#spareBytes + length <= spareWritersBytesTotalMax;
    if (!isKept || this.#spare.length >= spareWritersMax) return freeMemory(writer.bytes);
    writer.clear();
    this.#spareBytes += length;
    this.#spare.push(writer);
  }

  takePage(): PageEncoder {
    const page = this.#sparePage ?? new PageEncoder();
    this.#sparePage = undefined;
    return page;
  }

  givePage(page: PageEncoder): void {
    page.clear();
    this.#sparePage = page;
  }
}

/** Room for the acknowledgements of a few hundred pipelined writes. */
const writerBytesInitial = 4096;
