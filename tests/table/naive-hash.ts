/** The two sums of the table format, written from their publications. */

/** CRC-32C: polynomial 0x1edc6f41, reflected, beginning and ending with all bits turned over (RFC 3720). */
export function naiveCrc32c(bytes: Uint8Array, before = 0): number {
  let state = ~before;
  for (let at = 0; at < bytes.length; at++) state = remainders[(state ^ bytes[at]!) & 0xff]! ^ (state >>> 8);
  return ~state >>> 0;
}

const remainders = Int32Array.from({ length: 256 }, (_, byte) => {
  let state = byte;
  for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ 0x82f6_3b78 : state >>> 1;
  return state;
});

/** HalfSipHash-1-3 with 32 bits, the two halves of its secret made from a seed as README.md says. */
export function naiveHash(key: Uint8Array, seed: number): number {
  const word = (value: bigint) => value & 0xffff_ffffn;
  const rotate = (value: bigint, bits: bigint) => word((value << bits) | (value >> (32n - bits)));
  const secret0 = BigInt(seed >>> 0);
  const secret1 = word(secret0 * 0x9e37_79b1n) ^ 0x5bd1_e995n;
  let [v0, v1, v2, v3] = [secret0, secret1, secret0 ^ 0x6c79_6765n, secret1 ^ 0x7465_6462n];
  const round = () => {
    v0 = word(v0 + v1);
    v1 = rotate(v1, 5n) ^ v0;
    v0 = rotate(v0, 16n);
    v2 = word(v2 + v3);
    v3 = rotate(v3, 8n) ^ v2;
    v0 = word(v0 + v3);
    v3 = rotate(v3, 7n) ^ v0;
    v2 = word(v2 + v1);
    v1 = rotate(v1, 13n) ^ v2;
    v2 = rotate(v2, 16n);
  };
  // The message: the key, zeros up to three more bytes than whole words, and the key's length in the last byte.
  const padded = new Uint8Array((Math.floor(key.length / 4) + 1) * 4);
  padded.set(key);
  padded[padded.length - 1] = key.length & 0xff;
  for (let at = 0; at < padded.length; at += 4) {
    const message = BigInt(Buffer.from(padded).readUInt32LE(at));
    v3 ^= message;
    round();
    v0 ^= message;
  }
  v2 ^= 0xffn;
  for (let index = 0; index < 3; index++) round();
  return Number(v1 ^ v3);
}
