/**
 * What counts towards `batchBytesMax`: what the batch takes in the server's log, which is keys, values, and a few
 * bytes around them. Server and client count alike, so that a batch that the client accepts is not refused later.
 */

/** Around each operation: the header of its record. */
export const operationOverheadBytes = 8;

/** Once a batch: the record that makes all of it valid. */
export const commitOverheadBytes = 12;

/** By how much an operation enlarges its batch, which has `commitOverheadBytes` when it is empty. */
export function operationBytes(keyBytes: number, valueBytes: number): number {
  return operationOverheadBytes + keyBytes + valueBytes;
}
