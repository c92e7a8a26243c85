import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/lib/assert.ts";
import { mapBytesMax, mapDepthMax } from "../../src/lib/limits.ts";
import { encodeMap, readMap, type InfoMap } from "../../src/protocol/info-map.ts";
import { MsgpackReader } from "../../src/protocol/msgpack-reader.ts";

function read(bytes: Buffer): InfoMap {
  const reader = new MsgpackReader();
  reader.open(bytes, 0, bytes.length);
  const map = readMap(reader);
  reader.finish();
  return map;
}

/** `{a: {a: … 1}}` with as many maps. */
function nested(depth: number): object {
  return depth === 1 ? { a: 1 } : { a: nested(depth - 1) };
}

describe("a map of information", () => {
  test("arrives with every kind of value that it can hold", () => {
    const map = {
      text: "Zoë",
      empty: "",
      whole: 2 ** 53 - 1,
      part: -0.25,
      below: -7,
      huge: 1e300,
      yes: true,
      nothing: null,
      bytes: new Uint8Array([1, 2]),
      list: [1, [2, "three"]],
      inner: { deeper: { deepest: 1 } },
    };
    expect(read(encodeMap(map))).toEqual(map);
  });

  test("leaves out what is undefined", () => {
    expect(read(encodeMap({ a: undefined, b: 1 }))).toEqual({ b: 1 });
  });

  test("keeps its bytes when the message's buffer is used again", () => {
    const bytes = encodeMap({ storeId: new Uint8Array([1, 2, 3]) });
    const map = read(bytes);
    bytes.fill(0);
    expect(map.storeId).toEqual(new Uint8Array([1, 2, 3]));
  });

  test("has no prototype that a key could reach or replace", () => {
    const map = read(encodeMap(JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}')));
    expect(Object.getPrototypeOf(map)).toBe(null);
    expect(Object.keys(map)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).polluted).toBe(undefined);
  });

  test("may nest as deep as the limit says, and is refused beyond it", () => {
    expect(read(encodeMap(nested(mapDepthMax)))).toEqual(nested(mapDepthMax) as InfoMap);
    expect(() => encodeMap(nested(mapDepthMax + 1))).toThrow(AssertionError);
    const tooDeep = Buffer.from(`${"81a161".repeat(mapDepthMax + 1)}01`, "hex");
    expect(() => read(tooDeep)).toThrow("a map nests deeper than 4");
  });

  test("may be as long as the limit says, and is refused beyond it", () => {
    const filled = { a: "x".repeat(mapBytesMax - 6) };
    expect(encodeMap(filled).length).toBe(mapBytesMax);
    expect(read(encodeMap(filled))).toEqual(filled);
    expect(() => encodeMap({ a: "x".repeat(mapBytesMax - 5) })).toThrow();
    expect(() => read(Buffer.alloc(mapBytesMax + 1))).toThrow(`a map is beyond ${mapBytesMax} bytes`);
  });

  test.each([
    ["a bigint", 1n],
    ["a function", () => {}],
    ["a symbol", Symbol()],
  ])("does not hold %s", (_, value) => {
    expect(() => encodeMap({ value })).toThrow(AssertionError);
  });
});
