import {
  decodeEntry,
  decodePong,
  decodeStats,
  decodeWritten,
  type EntryRange,
} from "../src/protocol/response-decoder.ts";
import {
  encodeDelete,
  encodeGet,
  encodePing,
  encodePut,
  encodeStats,
} from "../src/protocol/request-encoder.ts";
import type { ServerStats, VersionedValue, Written } from "./answers.ts";
import { showKey } from "./keys.ts";
import type { Operation } from "./operation.ts";
import type { Key } from "./options.ts";
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
  readonly value: Uint8Array;
}

const entry: EntryRange = { version: 0, valueStart: 0, valueEnd: 0 };

export const getOperation: Operation<GetArgs, unknown> = {
  isWrite: false,
  encode: (writer, id, { view, key }) => encodeGet(writer, id, view.encodeKey(key), view.snapshotId),
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
  encode: (writer, id, { view, key, value, ifVersion }) =>
    encodePut(writer, id, view.encodeKey(key), value, ifVersion === undefined ? undefined : { ifVersion }),
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
