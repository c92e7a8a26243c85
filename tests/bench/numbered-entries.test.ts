import { expect, test } from "bun:test";
import { deflateRawSync } from "node:zlib";
import {
  entryNumberMax,
  isValueOf,
  keyBytes,
  numberOfKey,
  numberOfLeadingWord,
  valueBytes,
  writeKey,
  writeValue,
} from "./numbered-entries.ts";

const numbers = [0, 1, 2, 255, 256, 65_535, 1_000_000, 20_000_000, 2 ** 31 - 1, 2 ** 31, entryNumberMax];

function viewOf(bytes: number): DataView {
  return new DataView(new ArrayBuffer(bytes));
}

test("a key tells its number, and a changed one tells none, or another one", () => {
  const view = viewOf(3 + keyBytes);
  for (const number of numbers) {
    writeKey(view, 3, number);
    expect(numberOfKey(view, 3)).toBe(number);
    expect(numberOfLeadingWord(view.getUint32(3))).toBe(number);
    for (let at = 3; at < 3 + keyBytes; at++) {
      const byte = view.getUint8(at);
      view.setUint8(at, byte ^ 0x10);
      expect(numberOfKey(view, 3)).not.toBe(number);
      view.setUint8(at, byte);
    }
  }
});

test("a value is that of its number alone, to the last byte", () => {
  const view = viewOf(valueBytes);
  for (const number of numbers) {
    writeValue(view, 0, number);
    expect(isValueOf(view, 0, number)).toBeTrue();
    expect(isValueOf(view, 0, number === 0 ? 1 : number - 1)).toBeFalse();
    for (let at = 0; at < valueBytes; at++) {
      view.setUint8(at, view.getUint8(at) ^ 0x01);
      expect(isValueOf(view, 0, number)).toBeFalse();
      view.setUint8(at, view.getUint8(at) ^ 0x01);
    }
  }
});

test("keys and values of a thousand entries do not compress", () => {
  const entryBytes = keyBytes + valueBytes;
  const view = viewOf(1000 * entryBytes);
  for (let number = 0; number < 1000; number++) {
    writeKey(view, number * entryBytes, number);
    writeValue(view, number * entryBytes + keyBytes, number);
  }
  expect(deflateRawSync(new Uint8Array(view.buffer)).length).toBeGreaterThan(0.99 * view.byteLength);
});
