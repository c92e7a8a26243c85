import type { Buffer } from "node:buffer";
import { headBytesMax, writeBinHead } from "../src/protocol/msgpack-writer.ts";

/** Text straight into a frame, and straight out of one: without views, and copied once. */

/** What stands in front of the text: nothing, or the head of a msgpack str. */
export type TextHead = "none" | "msgpack";

/** Longer texts are encoded before, so that the room for them is known and not guessed three times too large. */
export const straightTextUnitsMax = 1024;

/** Room for a text as a bin, all heads included. */
export function textBinBytesMax(text: string): number {
  return 2 * headBytesMax + text.length * utf8BytesPerUnitMax;
}

/** The bytes of the value at most: what limits are compared with. */
export function textValueBytesMax(text: string): number {
  return strHeadBytesMax + text.length * utf8BytesPerUnitMax;
}

/** Writes a bin that holds a text behind its head. Returns the offset behind it. */
export function writeTextBin(bytes: Buffer, offset: number, text: string, head: TextHead): number {
  // Nearly always a unit is a byte. Where not, the heads may be longer than thought, and the text moves up.
  const start = writeHeads(bytes, offset, text.length, head);
  const length = bytes.write(text, start, text.length * utf8BytesPerUnitMax);
  if (length === text.length) return start + length;
  const moved = offset + headsBytes(length, head);
  bytes.copyWithin(moved, start, start + length);
  writeHeads(bytes, offset, length, head);
  return moved + length;
}

/** The text of a range. What is no UTF-8 becomes U+FFFD. */
export function readText(bytes: Buffer, start: number, end: number): string {
  // Deno's toString drops a byte order mark at the start, which belongs to the text as much as what follows it.
  if (bytes[start] === firstOfByteOrderMark) return lenientUtf8.decode(bytes.subarray(start, end));
  return bytes.toString("utf8", start, end);
}

function writeHeads(bytes: Buffer, offset: number, textBytes: number, head: TextHead): number {
  if (head === "none") return writeBinHead(bytes, offset, textBytes);
  let start = writeBinHead(bytes, offset, strHeadBytes(textBytes) + textBytes);
  if (textBytes < 0x20) {
    bytes[start++] = 0xa0 | textBytes;
  } else if (textBytes < 0x100) {
    bytes[start++] = 0xd9;
    bytes[start++] = textBytes;
  } else {
    bytes[start++] = 0xda;
    bytes[start++] = textBytes >>> 8;
    bytes[start++] = textBytes;
  }
  return start;
}

function headsBytes(textBytes: number, head: TextHead): number {
  const strHead = head === "none" ? 0 : strHeadBytes(textBytes);
  const valueBytes = strHead + textBytes;
  return strHead + (valueBytes < 0x100 ? 2 : valueBytes < 0x1_0000 ? 3 : headBytesMax);
}

function strHeadBytes(textBytes: number): number {
  return textBytes < 0x20 ? 1 : textBytes < 0x100 ? 2 : strHeadBytesMax;
}

const utf8BytesPerUnitMax = 3;

/** For as many bytes as a straight text has at most. */
const strHeadBytesMax = 3;

const firstOfByteOrderMark = 0xef;
const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
