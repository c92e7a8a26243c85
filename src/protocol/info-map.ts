import { Buffer } from "node:buffer";
import { assert, AssertionError, unreachable } from "../lib/assert.ts";
import { mapBytesMax, mapDepthMax } from "../lib/limits.ts";
import type { MsgpackReader } from "./msgpack-reader.ts";
import {
  writeArray,
  writeBin,
  writeBoolean,
  writeFloat,
  writeMap,
  writeNil,
  writeStr,
  writeUint,
} from "./msgpack-writer.ts";

/**
 * What the hello's reply and stats tell: maps from texts to values, open for more keys in every release. They are
 * the only values on the wire whose shape is the sender's, so they are small, flat, and read by hand like the
 * rest. A general msgpack library was tried for them: the check that had to run before it, because it follows any
 * depth and runs extensions of the sender's choice, was longer than this reader.
 */
export type InfoValue = null | boolean | number | string | Uint8Array | InfoValue[] | InfoMap;
export type InfoMap = { [key: string]: InfoValue };

/** The bytes of a map. Keys whose value is undefined are left out. */
export function encodeMap(map: object): Buffer {
  const bytes = Buffer.allocUnsafe(mapBytesMax);
  const length = writeEntries(bytes, 0, map, 0);
  assert(length <= mapBytesMax, "the maps that we send stay within what we read");
  return bytes.subarray(0, length);
}

/** Reads a map, which must be what is left of the message. Its objects have no prototype, its bins are copies. */
export function readMap(reader: MsgpackReader): InfoMap {
  if (reader.remaining > mapBytesMax) reader.fail(`a map is beyond ${mapBytesMax} bytes`);
  return readEntries(reader, 1);
}

function readEntries(reader: MsgpackReader, depth: number): InfoMap {
  const map: InfoMap = Object.create(null);
  const count = reader.map();
  for (let index = 0; index < count; index++) {
    const key = reader.text();
    if (Object.hasOwn(map, key)) reader.fail(`the key ${JSON.stringify(key)} comes twice in a map`);
    map[key] = readValue(reader, depth);
  }
  return map;
}

/** Calls itself through arrays and maps, but no deeper than mapDepthMax. */
function readValue(reader: MsgpackReader, depth: number): InfoValue {
  const kind = reader.kind();
  if ((kind === "array" || kind === "map") && depth === mapDepthMax)
    reader.fail(`a map nests deeper than ${mapDepthMax}`);
  switch (kind) {
    case "nil":
      reader.nil();
      return null;
    case "bool":
      return reader.boolean();
    case "uint":
      return reader.uint();
    case "float":
      return reader.float();
    case "str":
      return reader.text();
    case "bin":
      return reader.binCopy();
    case "array": {
      const count = reader.array();
      const values: InfoValue[] = [];
      for (let index = 0; index < count; index++) values.push(readValue(reader, depth + 1));
      return values;
    }
    case "map":
      return readEntries(reader, depth + 1);
    default:
      return unreachable(kind);
  }
}

function writeValue(bytes: Buffer, offset: number, value: unknown, depth: number): number {
  assert(depth <= mapDepthMax, "the maps that we send nest no deeper than what we read");
  switch (typeof value) {
    case "boolean":
      return writeBoolean(bytes, offset, value);
    case "number":
      return Number.isSafeInteger(value) && value >= 0
        ? writeUint(bytes, offset, value)
        : writeFloat(bytes, offset, value);
    case "string":
      return writeStr(bytes, offset, Buffer.from(value));
    case "object":
      if (value === null) return writeNil(bytes, offset);
      if (value instanceof Uint8Array) return writeBin(bytes, offset, value);
      return Array.isArray(value)
        ? writeValues(bytes, offset, value, depth)
        : writeEntries(bytes, offset, value, depth);
    default:
      throw new AssertionError(`a map that we send holds no ${typeof value}`);
  }
}

function writeValues(bytes: Buffer, start: number, values: readonly unknown[], depth: number): number {
  let offset = writeArray(bytes, start, values.length);
  for (const value of values) offset = writeValue(bytes, offset, value, depth + 1);
  return offset;
}

function writeEntries(bytes: Buffer, start: number, map: object, depth: number): number {
  const entries = Object.entries(map).filter(([, value]) => value !== undefined);
  let offset = writeMap(bytes, start, entries.length);
  for (const [key, value] of entries) {
    offset = writeStr(bytes, offset, Buffer.from(key));
    offset = writeValue(bytes, offset, value, depth + 1);
  }
  return offset;
}
