import { InvalidArgumentError, LimitError } from "../lib/errors.ts";
import { keyBytesMax, keyBytesMin, valueBytesMax } from "../lib/limits.ts";
import { recordFlag, recordType, type RecordType } from "./format.ts";
import { recordBytes, type RecordSession } from "./record.ts";

/** What can be appended. Strings are stored as UTF-8. */
export type Operation =
  | ({ type: "put"; key: Uint8Array | string; value: Uint8Array | string } & OperationExtras)
  | ({ type: "delete"; key: Uint8Array | string } & OperationExtras);

/** What the log keeps beside a key and a value, without a meaning of its own. */
export interface OperationExtras {
  /** When the entry ends, in milliseconds since 1970. */
  expiresAtMs?: number;
  /** Who asked for it, and as which of its requests. */
  session?: RecordSession;
}

/** An operation that was checked, as the bytes that go into the log. */
export interface EncodableOperation {
  type: RecordType;
  flags: number;
  key: Buffer;
  value: Buffer;
  extras: OperationExtras;
  bytes: number;
}

const noValue = Buffer.alloc(0);

/** Checks an operation against everything that the log would refuse, before anything is logged. */
export function checkOperation(operation: Operation, flags: number): EncodableOperation {
  const type = operation?.type;
  if (type !== "put" && type !== "delete") {
    throw new InvalidArgumentError(
      `Cannot append an operation of type "${String(type)}": it must be "put" or "delete"`,
    );
  }
  const key = toBuffer(operation.key, "key");
  const value = operation.type === "put" ? toBuffer(operation.value, "value") : noValue;
  if (key.length < keyBytesMin)
    throw new InvalidArgumentError("Cannot append: the key is empty; a key has at least 1 byte");
  if (key.length > keyBytesMax)
    throw new LimitError("Cannot append: bytes of the key", key.length, keyBytesMax);
  if (value.length > valueBytesMax)
    throw new LimitError("Cannot append: bytes of the value", value.length, valueBytesMax);
  if (operation.expiresAtMs !== undefined) {
    if (!Number.isSafeInteger(operation.expiresAtMs) || operation.expiresAtMs <= 0) {
      throw new InvalidArgumentError("Cannot append: expiresAtMs must be whole milliseconds since 1970");
    }
    flags |= recordFlag.expiry;
  }
  if (operation.session !== undefined) {
    const { id, requestNumber } = operation.session;
    if (id.length !== 16 || !Number.isSafeInteger(requestNumber) || requestNumber < 0) {
      throw new InvalidArgumentError(
        "Cannot append: a session has an id of 16 bytes and a whole request number",
      );
    }
    flags |= recordFlag.session;
  }
  return {
    type: operation.type === "put" ? recordType.put : recordType.delete,
    flags,
    key,
    value,
    extras: operation,
    bytes: recordBytes(flags, key.length, value.length),
  };
}

function toBuffer(content: Uint8Array | string, what: string): Buffer {
  if (typeof content === "string") return Buffer.from(content, "utf8");
  if (content instanceof Uint8Array)
    return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  throw new InvalidArgumentError(`Cannot append: the ${what} must be a Uint8Array or a string`);
}
