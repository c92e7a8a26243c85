import { expect, test } from "bun:test";
import { decodeEtcdAnswer, encodeEtcdGet, encodeEtcdPut, encodeEtcdRange } from "./etcd-messages.ts";

test("a put is its key and its value, each where it says", () => {
  const value = Buffer.alloc(200, "v");
  const { bytes, keyOffset, valueOffset } = encodeEtcdPut(Buffer.from("key"), value);
  expect(bytes.toString("hex")).toBe(`0a036b657912c801${value.toString("hex")}`);
  expect(bytes.toString("latin1", keyOffset, keyOffset + 3)).toBe("key");
  expect(bytes.subarray(valueOffset)).toEqual(value);
});

test("a range has a start, an end and a limit", () => {
  const { bytes, keyOffset, endOffset } = encodeEtcdRange(Buffer.from("a"), Buffer.from("bb"), 1000);
  expect(bytes.toString("hex")).toBe("0a0161" + "12026262" + "18e807");
  expect([bytes[keyOffset], bytes[endOffset]]).toEqual([0x61, 0x62]);
  expect(encodeEtcdGet(Buffer.from("a")).bytes.toString("hex")).toBe("0a0161");
});

test("of an answer, the revision and the entries are read, and everything else is skipped", () => {
  // cluster_id (ten bytes), member_id, revision 500, raft_term 2.
  const header = "0887d5ed8a8fd59dc18401" + "1001" + "18f403" + "2002";
  const entry = (key: string, value: string) => {
    const field = (number: number, text: string) =>
      Buffer.concat([Buffer.of((number << 3) | 2, text.length), Buffer.from(text)]);
    const body = Buffer.concat([field(1, key), Buffer.of(0x10, 7, 0x18, 9, 0x20, 1), field(5, value)]);
    return Buffer.concat([Buffer.of(0x12, body.length), body]);
  };
  const headerBytes = Buffer.from(header, "hex");
  const bytes = Buffer.concat([
    Buffer.of(0x0a, headerBytes.length),
    headerBytes,
    entry("a", "1"),
    entry("b", "22"),
    Buffer.of(0x18, 1, 0x20, 2),
  ]);
  const { revision, entries } = decodeEtcdAnswer(bytes);
  expect(revision).toBe(500);
  expect(entries.map(({ key, value }) => `${key}=${value}`)).toEqual(["a=1", "b=22"]);
});

test("an answer that is cut is refused", () => {
  const whole = Buffer.from("0a0318ac02" + "12030a0161", "hex");
  expect(decodeEtcdAnswer(whole)).toMatchObject({ revision: 300 });
  for (const length of [1, 2, 4, 6, 7, 9])
    expect(() => decodeEtcdAnswer(whole.subarray(0, length))).toThrow("ends in");
});
