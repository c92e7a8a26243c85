import { InvalidArgumentError, LimitError, type HoldfastError } from "../lib/errors.ts";
import { keyBytesMax, keyBytesMin, valueBytesMax } from "../lib/limits.ts";
import type { Write } from "./store.ts";

/** Why a write can't be done, whatever the store holds; undefined if its key and value are of a size that is kept. */
export function beyondLimits(write: Write): HoldfastError | undefined {
  const keyBytes = write.keyEnd - write.keyStart;
  const valueBytes = write.valueEnd - write.valueStart;
  if (keyBytes < keyBytesMin) {
    return new InvalidArgumentError("Cannot write: the key is empty; a key has at least 1 byte");
  }
  if (keyBytes > keyBytesMax) return new LimitError("Cannot write: bytes of the key", keyBytes, keyBytesMax);
  if (valueBytes > valueBytesMax) {
    return new LimitError("Cannot write: bytes of the value", valueBytes, valueBytesMax);
  }
  return undefined;
}
