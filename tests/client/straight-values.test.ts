import { describe, expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Packr, Unpackr } from "msgpackr";
import { codecs } from "../../client/codecs.ts";
import { Keys } from "../../client/keys.ts";
import { checkMsgpack } from "../../client/msgpack-check.ts";
import { notPlain, readPlainValue } from "../../client/plain-values.ts";
import { textBinBytesMax, textValueBytesMax, writeTextBin } from "../../client/text-values.ts";
import { keyBytesMax, valueDepthMax } from "../../src/lib/limits.ts";
import { headBytesMax, writeBin } from "../../src/protocol/msgpack-writer.ts";
import { freshSeed } from "../support/seeds.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { connectedClient, watch } from "./support/test-client.ts";
import { settle } from "./support/test-clock.ts";

/** Keys and values that go straight into a frame, and come straight out of one, are those of the long way round. */

const seed = freshSeed() | 0;
const around = 16;

describe("text that is written straight into a frame", () => {
  const letters = { "of one byte": "a", "of two bytes": "ä", "of three bytes": "€", "of two units": "😀" };
  const formats = { none: codecs.string, msgpack: codecs.msgpack() } as const;
  for (const [head, codec] of Object.entries(formats)) {
    test(`is the same bytes as those of the codec, at every length: ${head}`, () => {
      for (const letter of Object.values(letters)) {
        for (let units = 0; units <= 1024; units += units < 300 ? 1 : 7) {
          for (const text of [
            letter.repeat(units / letter.length),
            "a" + letter.repeat(units / letter.length),
          ])
            expectSameBin(text, head as keyof typeof formats, codec.encode(text as never));
        }
      }
    });
  }

  test("may be any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 1024 }), (text) => {
        expectSameBin(text, "msgpack", codecs.msgpack().encode(text));
        expectSameBin(text, "none", codecs.string.encode(text));
      }),
      { seed },
    );
  });

  test("is held to the limit of a value exactly", async () => {
    const network = new MemoryNetwork();
    network.script.limits = { ...network.script.limits, valueBytesMax: 300 };
    const { db } = await connectedClient({}, network);
    network.isAutomatic = true;
    for (const [codec, headBytes] of [
      [codecs.string, 0],
      [codecs.msgpack<string>(), 3],
    ] as const) {
      const texts = db.keyspace<string>("", { codec });
      for (const letter of ["a", "€"]) {
        const most = (300 - headBytes) / Buffer.byteLength(letter);
        const text = letter.repeat(most);
        expect((await texts.put("k", text)).version).toBeGreaterThan(0);
        expect(await texts.get("k")).toBe(text);
        await expect(texts.put("k", `${text}a`)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
      }
    }
  });

  test("leaves nothing behind when the key beside it is refused", async () => {
    const { db, network } = await connectedClient();
    network.isAutomatic = true;
    const calls = [
      db.put("a", "1"),
      db.put("", "2"),
      db.put("\ud800", "3"),
      db.put("x".repeat(keyBytesMax + 1), "4"),
      db.put(7 as never, "5"),
      db.put(null as never, "6"),
      db.put({ length: NaN } as never, "7"),
      db.get([] as never),
      db.put("b", "8"),
    ].map(watch);
    await settle();
    expect(calls.map(({ error }) => error?.code)).toEqual([
      undefined,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "LIMIT_EXCEEDED",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      undefined,
    ]);
    expect(await db.scan().all()).toEqual([
      { key: "a", value: "1", version: expect.any(Number) },
      { key: "b", value: "8", version: expect.any(Number) },
    ]);
  });
});

test("a key that is written straight into a frame is the same bytes as one that is encoded before", () => {
  const key = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 80 }),
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 }),
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 20 }),
      key,
      fc.integer({ min: 1, max: 120 }),
      (prefix, key, bytesMax) => {
        const keys = new Keys(prefix, "string");
        const straight = Buffer.alloc(around + keys.binBytesMax(key));
        let encoded: Uint8Array;
        try {
          encoded = keys.encode(key, bytesMax);
        } catch (error) {
          expect(() => keys.writeBin(straight, around, key, bytesMax)).toThrow((error as Error).message);
          return;
        }
        const expected = Buffer.alloc(around + headBytesMax + encoded.length);
        const end = writeBin(expected, around, encoded);
        expect(keys.writeBin(straight, around, key, bytesMax)).toBe(end);
        expect(straight.subarray(0, end).equals(expected.subarray(0, end))).toBe(true);
      },
    ),
    { seed, numRuns: 2_000 },
  );
});

describe("the reader of plain values", () => {
  const options = { useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true };
  const packr = new Packr(options);
  const unpackr = new Unpackr({
    useRecords: false,
    mapsAsObjects: true,
    structuredClone: false,
    copyBuffers: true,
    int64AsType: "bigint",
  });
  const plain = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.integer({ min: -40_000, max: 300 }),
      fc.maxSafeInteger(),
      // msgpackr writes -0 as the integer 0.
      fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.array(tie("value"), { maxLength: 20 }),
      fc.dictionary(
        fc.string({ unit: "grapheme", maxLength: 40 }).filter((name) => name !== "__proto__"),
        tie("value"),
      ),
    ),
  })).value;

  test("reads all that JSON knows", () => {
    fc.assert(
      fc.property(plain, fc.uint8Array({ maxLength: 9 }), (value, before) => {
        const bytes = Buffer.concat([before, packr.pack(value), before]);
        expect(readPlainValue(bytes, before.length, bytes.length - before.length)).toEqual(value);
      }),
      { seed, numRuns: 500 },
    );
  });

  test("says of any bytes what the complete reader says, or nothing", () => {
    const changed = fc.tuple(plain, fc.nat(), fc.nat({ max: 255 })).map(([value, position, byte]) => {
      const bytes = Buffer.from(packr.pack(value));
      bytes[position % bytes.length] = byte;
      return bytes;
    });
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), changed), (input) => {
        const bytes = Buffer.from(input);
        const value = readPlainValue(bytes, 0, bytes.length);
        if (value === notPlain) return;
        read++;
        checkMsgpack(bytes, 0, bytes.length);
        if (isUtf8Throughout(value)) expect(value).toEqual(unpackr.unpack(bytes));
      }),
      { seed, numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(300);
  });

  const left: { name: string; hex: string }[] = [
    { name: "nothing", hex: "" },
    { name: "bytes", hex: "c4 01 ff" },
    { name: "64 bits", hex: "cf 00 00 00 00 00 00 00 01" },
    { name: "an extension", hex: "d6 ff 00 00 00 01" },
    { name: "what would be a prototype", hex: "81 a9 5f 5f 70 72 6f 74 6f 5f 5f 81 a1 78 01" },
    { name: "what would be a prototype, by a longer head", hex: "81 d9 09 5f 5f 70 72 6f 74 6f 5f 5f 80" },
    { name: "a name that is no text", hex: "81 01 01" },
    { name: "a length without its bytes", hex: "d9" },
    { name: "more elements than bytes", hex: "dd ff ff ff ff" },
    { name: "more properties than bytes", hex: "df ff ff ff ff 01" },
    { name: "more bytes than one value", hex: "01 01" },
    { name: "a text beyond the end", hex: "a5 61 61" },
    { name: "a name beyond the end", hex: "81 a5 61 61" },
    { name: "nesting beyond the bound", hex: `${"91".repeat(valueDepthMax + 1)} 01` },
  ];
  for (const { name, hex } of left) {
    test(`leaves to others ${name}, whatever lies behind`, () => {
      const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
      for (const behind of [0, 8]) {
        const whole = Buffer.concat([bytes, Buffer.alloc(behind, 0x61)]);
        expect(readPlainValue(whole, 0, bytes.length)).toBe(notPlain);
      }
    });
  }

  test("tells names apart that fall on the same place, or differ in what their bytes are", () => {
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 5_000; index++) {
        // The units of the second name are the bytes of the third.
        const object = { [`n${index}`]: index, [`n${index}â\u0082¬`]: 1, [`n${index}€`]: 2 };
        const bytes = Buffer.from(packr.pack(object));
        expect(Object.entries(readPlainValue(bytes, 0, bytes.length) as object)).toEqual(
          Object.entries(object),
        );
      }
    }
  });
});

test("text that is no UTF-8 is refused by the text codec, and U+FFFD and byte order marks are text", () => {
  const { string } = codecs;
  expect(() => string.decode(Buffer.from([0x61, 0xff]))).toThrow();
  expect(() => string.decode(Buffer.from([0xed, 0xa0, 0x80]))).toThrow();
  for (const text of ["\ufffd", "a\ufffdb", "\ufeffa", "\ufeff", ""]) {
    expect(string.decode(string.encode(text))).toBe(text);
    expect(codecs.msgpack().decode(codecs.msgpack().encode(text))).toBe(text);
  }
});

/** What no UTF-8 becomes is the business of each reader. */
function isUtf8Throughout(value: unknown): boolean {
  return !JSON.stringify(value).includes("\ufffd");
}

function expectSameBin(text: string, head: "none" | "msgpack", encoded: Uint8Array): void {
  const expected = Buffer.alloc(around + headBytesMax + encoded.length, 0xee);
  const end = writeBin(expected, around, encoded);
  const straight = Buffer.alloc(around + textBinBytesMax(text), 0xee);
  expect(writeTextBin(straight, around, text, head)).toBe(end);
  expect(straight.subarray(0, end).equals(expected.subarray(0, end))).toBe(true);
  expect(encoded.length).toBeLessThanOrEqual(textValueBytesMax(text));
}
