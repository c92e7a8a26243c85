import { expect, test } from "bun:test";
import fc from "fast-check";
import { peekOpcode } from "../../src/protocol/peek-opcode.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { request } from "./generators.ts";
import { encode, fromHex } from "./message.ts";
import { seed } from "./seed.ts";

test("the opcode of any request is what the decoder reads, as soon as enough of it has come", () => {
  const decoder = new RequestDecoder();
  const property = fc.property(request, fc.nat(40), (sent, cut) => {
    const payload = encode(sent).subarray(4);
    decoder.decode(payload, 0, payload.length);
    expect(peekOpcode(payload, 0, payload.length)).toBe(decoder.opcode);
    const seen = peekOpcode(payload, 0, Math.min(cut, payload.length));
    if (seen === -1) expect(cut).toBeLessThan(16);
    else expect(seen).toBe(decoder.opcode);
  });
  fc.assert(property, { seed, numRuns: 500 });
});

test.each([
  ["nothing", ""],
  ["half of an id", "94ce0000"],
  ["no array", "04"],
  ["a text where the opcode belongs", "9301a170"],
])("there is no opcode in %s", (_name, hex) => {
  expect(peekOpcode(fromHex(hex), 0, hex.length / 2)).toBe(-1);
});

test("an opcode is read in any form, and only from the range that was named", () => {
  const payload = fromHex("ff9305cf0000000000000004ff");
  expect(peekOpcode(payload, 1, 12)).toBe(4);
  expect(peekOpcode(payload, 1, 11)).toBe(-1);
});
