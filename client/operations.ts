import {
  decodeEntry,
  decodePong,
  decodeStats,
  decodeWritten,
  type EntryRange,
} from "../src/protocol/response-decoder.ts";
import { headBytesMax, writeBin } from "../src/protocol/msgpack-writer.ts";
import {
  beginGet,
  beginPut,
  encodeDelete,
  encodePing,
  encodeStats,
  endGet,
  endPut,
} from "../src/protocol/request-encoder.ts";
import type { ServerStats, VersionedValue, Written } from "./answers.ts";
import { showKey } from "./keys.ts";
import type { Operation } from "./operation.ts";
import type { Key } from "./options.ts";
import { textBinBytesMax, writeTextBin } from "./text-values.ts";
import type { View } from "./view.ts";

/** The requests that concern one entry, or none. */

interface GetArgs {
  readonly view: View<unknown>;
  readonly key: Key;
}

interface DeleteArgs extends GetArgs {
  readonly ifVersion: number | undefined;
}

interface PutArgs extends DeleteArgs {
  readonly value: Uint8Array | string;
}

const entry: EntryRange = { version: 0, valueStart: 0, valueEnd: 0 };

export const getOperation: Operation<GetArgs, unknown> = {
  isWrite: false,
  encode(writer, id, { view, key }) {
    const { keys, snapshotId } = view;
    const offset = beginGet(writer, id, keys.binBytesMax(key), snapshotId);
    endGet(writer, keys.writeBin(writer.bytes, offset, key, view.limits.keyBytesMax), snapshotId);
  },
  decode(bytes, head, { view, key }) {
    decodeEntry(bytes, head, entry);
    return entry.version === 0 ? undefined : view.decodeValue(key, bytes, entry.valueStart, entry.valueEnd);
  },
  describe: ({ key }) => `get ${showKey(key)}`,
};

export const getEntryOperation: Operation<GetArgs, VersionedValue<unknown> | undefined> = {
  isWrite: false,
  encode: getOperation.encode,
  decode(bytes, head, { view, key }) {
    decodeEntry(bytes, head, entry);
    // Read before the codec is called, which may be the caller's and call back.
    const { version } = entry;
    return version === 0
      ? undefined
      : { value: view.decodeValue(key, bytes, entry.valueStart, entry.valueEnd), version };
  },
  describe: getOperation.describe,
};

export const putOperation: Operation<PutArgs, Written> = {
  isWrite: true,
  encode(writer, id, { view, key, value, ifVersion }) {
    const { keys } = view;
    const options = ifVersion === undefined ? undefined : { ifVersion };
    const isText = typeof value === "string";
    const valueBinBytesMax = isText ? textBinBytesMax(value) : headBytesMax + value.length;
    let offset = beginPut(writer, id, keys.binBytesMax(key) + valueBinBytesMax, options);
    const { bytes } = writer;
    offset = keys.writeBin(bytes, offset, key, view.limits.keyBytesMax);
    offset = isText
      ? writeTextBin(bytes, offset, value, view.codec.textHead!)
      : writeBin(bytes, offset, value);
    endPut(writer, offset, options);
  },
  decode: (bytes, head) => ({ version: decodeWritten(bytes, head) }),
  describe: ({ key }) => `put ${showKey(key)}`,
};

export const deleteOperation: Operation<DeleteArgs, Written> = {
  isWrite: true,
  encode: (writer, id, { view, key, ifVersion }) =>
    encodeDelete(writer, id, view.encodeKey(key), { ifVersion }),
  decode: (bytes, head) => ({ version: decodeWritten(bytes, head) }),
  describe: ({ key }) => `delete ${showKey(key)}`,
};

export const pingOperation: Operation<undefined, void> = {
  isWrite: false,
  encode: (writer, id) => encodePing(writer, id),
  decode: (bytes, head) => decodePong(bytes, head),
  describe: () => "ping the server",
};

export const statsOperation: Operation<undefined, ServerStats> = {
  isWrite: false,
  encode: (writer, id) => encodeStats(writer, id),
  decode: (bytes, head) => decodeStats(bytes, head),
  describe: () => "read the server's stats",
};
