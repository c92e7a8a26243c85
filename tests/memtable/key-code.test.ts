import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EntryList } from "../../src/memtable/entry-list.ts";
import { KeyCode } from "../../src/memtable/key-code.ts";
import { check } from "./check.ts";
import { anyKey } from "./keys.ts";

const codesMax = fc.constantFrom(2 ** 20, 2 ** 31, 2 ** 45, 2 ** 53);
const distinctKeys = fc.uniqueArray(anyKey, {
  selector: (key) => key.toString("latin1"),
  minLength: 2,
  maxLength: 60,
});

/** The keys as entries, one behind the other in the bytes. */
function listed(keys: Buffer[]): { code: KeyCode; ids: Int32Array } {
  const entries = new EntryList();
  let start = 0;
  for (const key of keys) {
    entries.append(0, start, key.length, 0, 1, false);
    start += key.length;
  }
  const code = new KeyCode(entries, Buffer.concat(keys));
  return { code, ids: Int32Array.from(keys, (_, index) => index) };
}

function expectOrder(keys: Buffer[], code: KeyCode, codes: number[]): void {
  for (const [a, keyA] of keys.entries()) {
    for (const [b, keyB] of keys.entries()) {
      if (codes[a] === -1 || codes[b] === -1 || a === b) continue;
      const order = Buffer.compare(keyA, keyB);
      if (codes[a] !== codes[b]) expect(Math.sign(codes[a]! - codes[b]!)).toBe(order);
      else expect(keyA.compare(keyB, 0, code.end, 0, code.end)).toBe(0);
      if (codes[a] === codes[b]) expect(Math.min(keyA.length, keyB.length)).toBeGreaterThanOrEqual(code.end);
    }
  }
}

describe("KeyCode", () => {
  test("has the order of the keys that it was learned from; of the same code they agree and all go on", () => {
    check(fc.tuple(distinctKeys, codesMax), 300, ([keys, codesMax]) => {
      const { code, ids } = listed(keys);
      code.learn(ids, 0, codesMax);
      const codes = [...ids].map((id) => code.of(id));
      for (const number of codes) expect(number >= 0 && number < codesMax).toBe(true);
      expectOrder(keys, code, codes);
    });
  });

  test("tells at least one byte apart, so that a sort by codes comes to an end", () => {
    check(fc.tuple(distinctKeys, codesMax), 300, ([keys, codesMax]) => {
      const { code, ids } = listed(keys);
      code.learn(ids, 0, codesMax);
      expect(code.end).toBeGreaterThan(code.from);
      expect(new Set([...ids].map((id) => code.of(id))).size).toBeGreaterThan(1);
    });
  });

  test("learned from some keys is right about all others, or does not know them", () => {
    check(fc.tuple(distinctKeys, codesMax, fc.nat()), 300, ([keys, codesMax, seen]) => {
      const { code, ids } = listed(keys);
      code.learnFrom(ids.subarray(0, 1 + (seen % keys.length)), 0, codesMax);
      const codes = [...ids].map((id) => code.of(id));
      for (const number of codes) expect(number >= -1 && number < codesMax).toBe(true);
      for (const id of ids.subarray(0, 1 + (seen % keys.length))) expect(codes[id]).not.toBe(-1);
      expectOrder(keys, code, codes);
    });
  });

  test("spends three and a half bits on a digit, and none on what is alike", () => {
    const numbers = Array.from({ length: 3_000 }, (_, index) =>
      Buffer.from(`users/${String((index * 7_919) % 1_000_000_007).padStart(12, "0")}/profile`),
    );
    const { code, ids } = listed(numbers);
    code.learn(ids, 0, 2 ** 45);
    expect(new Set([...ids].map((id) => code.of(id))).size).toBe(3_000);
  });
});
