import { UsageError } from "./usage-error.ts";

/** How bytes are read from the command line and shown on it. Keys and values are bytes; most of them are text. */

/** The bytes of an argument: its UTF-8, or what its hexadecimal digits say. */
export function bytesOfArgument(what: string, text: string, isHex: boolean): Uint8Array {
  if (!isHex) return Buffer.from(text);
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits)) return Buffer.from(digits, "hex");
  throw new UsageError(`Cannot read the ${what}: with --hex it is an even number of hexadecimal digits`);
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** A field of a JSON line: text under `name`, and what is no text (or is wanted so) in hexadecimal under `nameHex`. */
export function jsonField(name: string, bytes: Uint8Array, isHex: boolean): Record<string, string> {
  const text = isHex ? undefined : decodeText(bytes);
  return text === undefined ? { [`${name}Hex`]: hexOf(bytes) } : { [name]: text };
}

/**
 * Bytes as text on one line, without loss: what can't be shown, or would take hold of a terminal, becomes \xHH.
 * With `isCut` the bytes are the head of something longer, and a character that was cut in two is left out.
 */
export function escapeBytes(bytes: Uint8Array, isCut = false): string {
  const text = decodeText(bytes);
  if (text !== undefined && !/[\p{C}\p{Zl}\p{Zp}\\]/u.test(text)) return text;
  let escaped = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterBytes(bytes[at]!);
    const isIncomplete = at + length > bytes.length;
    if (isIncomplete && isCut) break;
    const character = isIncomplete ? undefined : decodeText(bytes.subarray(at, at + length));
    const taken = character === undefined ? 1 : length;
    escaped +=
      character === undefined || /[\p{C}\p{Zl}\p{Zp}\\]/u.test(character)
        ? escapeOf(bytes.subarray(at, at + taken))
        : character;
    at += taken;
  }
  return escaped;
}

/** A value for somebody who looks at it: text as it is, lines and tabs too, and anything else escaped. */
export function readableText(bytes: Uint8Array): string {
  const text = decodeText(bytes);
  return text !== undefined && !/[^\P{C}\t\n]/u.test(text) ? text : escapeBytes(bytes);
}

/** "head…": the beginning of something that has `totalBytes` bytes, in quotes. */
export function quoteHead(head: Uint8Array, totalBytes: number): string {
  const isCut = head.length < totalBytes;
  return `"${escapeBytes(head, isCut).replaceAll('"', '\\"')}"${isCut ? "…" : ""}`;
}

/** Undefined if the bytes are no UTF-8. A byte order mark is a character like any other. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How long a character is, as its first byte says. */
function characterBytes(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

const shortEscapes = new Map([
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x5c, "\\\\"],
]);

function escapeOf(bytes: Uint8Array): string {
  const short = bytes.length === 1 ? shortEscapes.get(bytes[0]!) : undefined;
  return short ?? [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
