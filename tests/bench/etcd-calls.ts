import { decodeEtcdAnswer, encodeEtcdGet, encodeEtcdPut, encodeEtcdRange, kvPath } from "./etcd-messages.ts";
import type { EtcdCallKind } from "./etcd-window.ts";
import { entryOf } from "./entry-of.ts";
import { entryBytes, keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";
import type { OrderedEntries } from "./ordered-entries.ts";

const keyMark = Buffer.alloc(keyBytes, "k");
const endMark = Buffer.alloc(keyBytes, "e");
const valueMark = Buffer.alloc(valueBytes, "v");

/** Puts of entries by their number. */
export function putCalls(): EtcdCallKind {
  const { bytes, keyOffset, valueOffset } = encodeEtcdPut(keyMark, valueMark);
  return {
    path: kvPath.put,
    message: bytes,
    readsAnswers: false,
    fill(view, messageStart, entryNumber) {
      writeKey(view, messageStart + keyOffset, entryNumber);
      writeValue(view, messageStart + valueOffset, entryNumber);
    },
    // The header, which every answer has.
    isRight: (_, messageBytes) => messageBytes > 0,
  };
}

/** Ranges of as many entries as the limit, by the rank of the first: only how long an answer is gets looked at. */
export function rangeCalls(entries: OrderedEntries, limit: number): EtcdCallKind {
  // With an end: etcd 3.4 looks up all keys of a range before it thinks of the limit.
  const { bytes, keyOffset, endOffset } = encodeEtcdRange(keyMark, endMark, limit);
  return {
    path: kvPath.range,
    message: bytes,
    readsAnswers: false,
    fill(view, messageStart, rank) {
      entries.writeKeyOf(view, messageStart + keyOffset, rank);
      entries.writeKeyOf(view, messageStart + endOffset, rank + limit);
    },
    isRight: (_, messageBytes) => messageBytes > limit * entryBytes,
  };
}

/** The same, with every entry looked at. */
export function rangeChecks(entries: OrderedEntries, limit: number): EtcdCallKind {
  return {
    ...rangeCalls(entries, limit),
    readsAnswers: true,
    isRight(rank, _, message) {
      const found = decodeEtcdAnswer(message).entries.map(({ key, value }) => entryOf(key, value));
      return entries.isRange(rank, limit, found);
    },
  };
}

/** Gets of single entries, which must be there; `told` hears the store's revision with each. */
export function getChecks(told: (revision: number) => void): EtcdCallKind {
  const { bytes, keyOffset } = encodeEtcdGet(keyMark);
  return {
    path: kvPath.range,
    message: bytes,
    readsAnswers: true,
    fill: (view, messageStart, entryNumber) => writeKey(view, messageStart + keyOffset, entryNumber),
    isRight(entryNumber, _, message) {
      const { revision, entries } = decodeEtcdAnswer(message);
      told(revision);
      return entries.length === 1 && entryOf(entries[0]!.key, entries[0]!.value) === entryNumber;
    },
  };
}
