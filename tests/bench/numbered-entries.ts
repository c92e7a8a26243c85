/**
 * The entries of a large store as a pure function of their number: a key of 16 and a value of 100 random-looking bytes.
 * So any entry can be asked for and checked without a list of what was written, and a scan proves by itself that it saw
 * every entry once: a key tells its number. Values do not compress, lest a store's size on disk flatters.
 */
export const keyBytes = 16;
export const valueBytes = 100;
export const entryBytes = keyBytes + valueBytes;

/** Keys of different numbers differ in their first four bytes already: mix is a bijection of 32 bits. */
export const entryNumberMax = 2 ** 32 - 1;

export function writeKey(view: DataView, at: number, number: number): void {
  let word = mix(number);
  view.setInt32(at, word);
  for (let offset = 4; offset < keyBytes; offset += 4) {
    word = mix(word + golden);
    view.setInt32(at + offset, word);
  }
}

export function writeValue(view: DataView, at: number, number: number): void {
  const seed = mix(number + golden);
  for (let offset = 0; offset < valueBytes; offset += 4) view.setInt32(at + offset, valueWord(seed, offset));
}

/** The number of the entry with this key, or -1 if no entry has it. */
export function numberOfKey(view: DataView, at: number): number {
  let word = view.getInt32(at);
  const number = unmix(word);
  for (let offset = 4; offset < keyBytes; offset += 4) {
    word = mix(word + golden);
    if (view.getInt32(at + offset) !== word) return -1;
  }
  return number;
}

/** The number of the one entry whose key begins with these four bytes. */
export function numberOfLeadingWord(word: number): number {
  return unmix(word);
}

export function isValueOf(view: DataView, at: number, number: number): boolean {
  const seed = mix(number + golden);
  for (let offset = 0; offset < valueBytes; offset += 4)
    if (view.getInt32(at + offset) !== valueWord(seed, offset)) return false;
  return true;
}

const golden = 0x9e37_79b9;

/** Each word by itself, not one from the other: the processor works on several at once. */
function valueWord(seed: number, offset: number): number {
  const word = Math.imul(seed + Math.imul(offset, golden), 0x85eb_ca6b);
  return word ^ (word >>> 15);
}

/** "lowbias32" of Chris Wellons, public domain, as a signed number. */
function mix(number: number): number {
  let word = number ^ (number >>> 16);
  word = Math.imul(word, 0x7feb_352d);
  word = Math.imul(word ^ (word >>> 15), 0x846c_a68b);
  return word ^ (word >>> 16);
}

function unmix(mixed: number): number {
  let word = mixed ^ (mixed >>> 16);
  word = Math.imul(word, 0x4302_1123);
  word = Math.imul(word ^ (word >>> 15) ^ (word >>> 30), 0x1d69_e2a5);
  return (word ^ (word >>> 16)) >>> 0;
}
