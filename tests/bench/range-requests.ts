import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { encodeScan } from "../../src/protocol/request-encoder.ts";
import { PageCursor, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { entryOf } from "./entry-of.ts";
import { entryBytes, keyBytes } from "./numbered-entries.ts";
import type { OrderedEntries } from "./ordered-entries.ts";
import { idFirst, idOffset, type RequestKind } from "./request-kinds.ts";

/** Scans of as many entries as the limit, by the rank of the first: only how long an answer is gets looked at. */
export function rangeRequests(entries: OrderedEntries, limit: number): RequestKind {
  const startMark = Buffer.alloc(keyBytes, "k");
  const endMark = Buffer.alloc(keyBytes, "e");
  const writer = new ByteWriter();
  encodeScan(writer, idFirst, { start: startMark, end: endMark, limit });
  const frame = Buffer.from(writer.bytes.subarray(0, writer.length));
  if (frame.readUInt16BE(idOffset) !== idFirst)
    throw new Error("the id of a scan is not where it is looked for");
  const startOffset = frame.indexOf(startMark);
  const endOffset = frame.indexOf(endMark);
  return {
    frame,
    fill(view, frameStart, rank) {
      entries.writeKeyOf(view, frameStart + startOffset, rank);
      entries.writeKeyOf(view, frameStart + endOffset, rank + limit);
    },
    isRight: (_, bodyStart, bodyEnd) => bodyEnd - bodyStart > limit * entryBytes,
  };
}

/** The same, with every entry looked at. */
export function rangeRequestsChecked(entries: OrderedEntries, limit: number): RequestKind {
  const page = new PageCursor();
  const head = new ResponseHead();
  return {
    ...rangeRequests(entries, limit),
    isRight(view, bodyStart, bodyEnd, rank) {
      const bytes = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
      // The entries, and whether there are more; a snapshot is not asked for.
      Object.assign(head, { bodyElements: 2, bodyStart, bodyEnd, messageStart: bodyStart });
      page.decode(bytes, head, "scan");
      const found: number[] = [];
      while (page.next()) {
        const key = bytes.subarray(page.keyStart, page.keyEnd);
        found.push(entryOf(key, bytes.subarray(page.valueStart, page.valueEnd)));
      }
      return entries.isRange(rank, limit, found);
    },
  };
}
