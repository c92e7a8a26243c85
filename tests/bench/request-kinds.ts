import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { encodeGet, encodePut } from "../../src/protocol/request-encoder.ts";
import { isValueOf, keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";

/**
 * A kind of request, all of which have one length and differ only in their id and in what `fill` writes: so a
 * generator encodes one with the product's own encoder, and then only fills in.
 */
export interface RequestKind {
  /** A whole frame, whose id takes three bytes and begins at `idOffset`. */
  readonly frame: Buffer;
  fill(view: DataView, frameStart: number, entryNumber: number): void;
  /** Whether this is the right answer: what stands behind its status, OK, is in [bodyStart, bodyEnd). */
  isRight(view: DataView, bodyStart: number, bodyEnd: number, entryNumber: number): boolean;
}

/** Length, array, and then the id: 0xcd and two bytes. */
export const idOffset = 6;

/** From here to 65,535 ids have one length. */
export const idFirst = 0x0100;
export const idMax = 0xffff;

export function putRequests(): RequestKind {
  const writer = new ByteWriter();
  encodePut(writer, idFirst, keyMark, valueMark);
  const frame = frameOf(writer);
  const keyOffset = frame.indexOf(keyMark);
  const valueOffset = frame.indexOf(valueMark);
  return {
    frame,
    fill(view, frameStart, entryNumber) {
      writeKey(view, frameStart + keyOffset, entryNumber);
      writeValue(view, frameStart + valueOffset, entryNumber);
    },
    // The version, which is never 0.
    isRight: (view, bodyStart, bodyEnd) => bodyEnd > bodyStart && view.getUint8(bodyStart) !== 0,
  };
}

/** `isThere` says which entries the store must have; of the others it must say that they are not there. */
export function getRequests(isThere: (entryNumber: number) => boolean): RequestKind {
  return {
    ...keyRequests(),
    isRight(view, bodyStart, bodyEnd, entryNumber) {
      return isThere(entryNumber)
        ? isEntry(view, bodyStart, bodyEnd, entryNumber)
        : isAbsence(view, bodyStart, bodyEnd);
    },
  };
}

/** Gets of entries that may be there or not; `told` hears which it was. */
export function maybeRequests(told: (entryNumber: number, isThere: boolean) => void): RequestKind {
  return {
    ...keyRequests(),
    isRight(view, bodyStart, bodyEnd, entryNumber) {
      const isThere = !isAbsence(view, bodyStart, bodyEnd);
      told(entryNumber, isThere);
      return !isThere || isEntry(view, bodyStart, bodyEnd, entryNumber);
    },
  };
}

function keyRequests(): Pick<RequestKind, "frame" | "fill"> {
  const writer = new ByteWriter();
  encodeGet(writer, idFirst, keyMark);
  const frame = frameOf(writer);
  const keyOffset = frame.indexOf(keyMark);
  return { frame, fill: (view, frameStart, number) => writeKey(view, frameStart + keyOffset, number) };
}

/** A version, then bin 8 of the value's length, to the end. */
function isEntry(view: DataView, bodyStart: number, bodyEnd: number, entryNumber: number): boolean {
  const valueStart = bodyEnd - valueBytes;
  return (
    valueStart - 3 >= bodyStart &&
    view.getUint8(valueStart - 2) === 0xc4 &&
    view.getUint8(valueStart - 1) === valueBytes &&
    isValueOf(view, valueStart, entryNumber)
  );
}

/** Version 0, nil. */
function isAbsence(view: DataView, bodyStart: number, bodyEnd: number): boolean {
  return bodyEnd - bodyStart === 2 && view.getUint16(bodyStart) === 0x00c0;
}

const keyMark = Buffer.alloc(keyBytes, "k");
const valueMark = Buffer.alloc(valueBytes, "v");

function frameOf(writer: ByteWriter): Buffer {
  const frame = Buffer.from(writer.bytes.subarray(0, writer.length));
  if (frame[idOffset - 1] !== 0xcd || frame.readUInt16BE(idOffset) !== idFirst)
    throw new Error("the id of a request is not where it was when this was written");
  return frame;
}
