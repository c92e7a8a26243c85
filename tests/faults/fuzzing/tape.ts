/**
 * Any msgpack at all as a flat list of elements in the order in which they lie, heads of arrays and maps
 * before what is in them: the first half of a second, naive decoder. It knows nothing of messages, calls
 * itself nowhere, and keeps a count of the elements that are still owed instead of a depth.
 *
 * Where the bytes are no msgpack of the protocol's subset, the list ends with an element of the kind
 * "broken": whoever comes to it refuses, and whoever refuses before that has seen what is wrong first.
 */
export const kind = {
  broken: 0,
  nil: 1,
  bool: 2,
  uint: 3,
  float: 4,
  bin: 5,
  str: 6,
  array: 7,
  map: 8,
} as const;

export class Tape {
  count = 0;
  kinds = new Uint8Array(1024);
  /** Of the content: behind the head. */
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  /** The value of a number or a bool, the count of an array's elements or of a map's pairs. */
  numbers = new Float64Array(1024);
  /** Whether bytes follow the message. */
  hasMore = false;

  read(bytes: Buffer, start: number, end: number): void {
    this.count = 0;
    let offset = start;
    for (let owed = 1; owed > 0; owed--) {
      if (offset >= end) {
        this.#add(kind.broken, offset, offset, 0);
        return;
      }
      const form = forms[bytes[offset]!]!;
      const contentAt = offset + 1 + form.numberBytes;
      const value = contentAt <= end ? form.base + bigEndian(bytes, offset + 1, form.numberBytes) : 0;
      const hasLength = form.kind === kind.bin || form.kind === kind.str;
      offset = contentAt + (hasLength ? value : form.contentBytes);
      if (form.kind === kind.broken || offset > end) {
        this.#add(kind.broken, contentAt, contentAt, 0);
        return;
      }
      if (form.kind === kind.array) owed += value;
      if (form.kind === kind.map) owed += 2 * value;
      this.#add(form.kind, contentAt, offset, value);
    }
    this.hasMore = offset < end;
  }

  #add(what: number, start: number, end: number, value: number): void {
    if (this.count === this.kinds.length) this.#grow();
    this.kinds[this.count] = what;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.numbers[this.count++] = value;
  }

  #grow(): void {
    const { kinds, starts, ends, numbers } = this;
    const length = 2 * kinds.length;
    (this.kinds = new Uint8Array(length)).set(kinds);
    (this.starts = new Int32Array(length)).set(starts);
    (this.ends = new Int32Array(length)).set(ends);
    (this.numbers = new Float64Array(length)).set(numbers);
  }
}

/**
 * What a head byte says: its kind, how many bytes of a number follow, what that number is added to, what
 * comes then.
 */
interface Form {
  kind: number;
  numberBytes: number;
  base: number;
  contentBytes: number;
}

/**
 * One row for each head byte, as msgpack's specification lists them; what the protocol does not use is
 * broken.
 */
const forms: readonly Form[] = Array.from({ length: 256 }, (_, head): Form => {
  const form = (what: number, numberBytes = 0, base = 0, contentBytes = 0) => {
    return { kind: what, numberBytes, base, contentBytes };
  };
  if (head <= 0x7f) return form(kind.uint, 0, head);
  if (head <= 0x8f) return form(kind.map, 0, head - 0x80);
  if (head <= 0x9f) return form(kind.array, 0, head - 0x90);
  if (head <= 0xbf) return form(kind.str, 0, head - 0xa0);
  if (head === 0xc0) return form(kind.nil);
  if (head === 0xc2 || head === 0xc3) return form(kind.bool, 0, head - 0xc2);
  if (head >= 0xc4 && head <= 0xc6) return form(kind.bin, 2 ** (head - 0xc4));
  if (head === 0xcb) return form(kind.float, 0, 0, 8);
  if (head >= 0xcc && head <= 0xcf) return form(kind.uint, 2 ** (head - 0xcc));
  if (head >= 0xd9 && head <= 0xdb) return form(kind.str, 2 ** (head - 0xd9));
  if (head === 0xdc || head === 0xdd) return form(kind.array, 2 ** (head - 0xdb));
  if (head === 0xde || head === 0xdf) return form(kind.map, 2 ** (head - 0xdd));
  return form(kind.broken);
});

/** Above 2^53 the answer is rounded, and stays above. */
function bigEndian(bytes: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) value = value * 256 + bytes[at]!;
  return value;
}
