import type { Buffer } from "node:buffer";
import { MsgpackReader } from "./msgpack-reader.ts";

/**
 * What a request asks for, read without its arguments, which may still be on their way; -1 as long as that can't be
 * said, and for what is no request. Nothing is checked: that is for whoever decodes the whole of it.
 */
export function peekOpcode(bytes: Buffer, start: number, end: number): number {
  try {
    reader.open(bytes, start, end);
    reader.array();
    reader.uint();
    return reader.uint();
  } catch {
    return -1;
  }
}

const reader = new MsgpackReader();
