import { crc32c } from "../lib/crc32c.ts";
import { decodeEditHeader, editChecksum, findWitness, type EditHeader } from "./edit-header.ts";
import { decodeEditPayload } from "./edit-payload.ts";
import { ManifestCorruptionError } from "./errors.ts";
import { decodeFileHeader } from "./file-header.ts";
import { editHeaderBytes, fileHeaderBytes } from "./format.ts";
import { LiveState } from "./live-state.ts";
import type { ManifestEdit } from "./manifest-state.ts";

/** What a manifest's bytes say, from its header to its end or to what a crash left there. */
export interface ManifestWalk {
  /** Of the file's format. */
  version: number;
  state: LiveState;
  /** Of the last whole edit. */
  editNumber: number;
  /** How many whole edits there are, the first one included, which holds the whole state. */
  editCount: number;
  /** Whether the last whole edit is sealed. The first one needs no seal. */
  isSealed: boolean;
  /** Where the last whole edit or seal ends. */
  end: number;
  /** What lies behind it of an edit that nobody was told of, or of a seal. */
  torn: TornEdit | undefined;
}

export interface TornEdit {
  offset: number;
  bytes: number;
  problem: string;
}

/** A whole edit, and where it lies in its file. The first one of a file is its state. */
export interface EditPlace {
  edit: ManifestEdit;
  editNumber: number;
  offset: number;
  /** Of the header and the payload, without the seal. */
  bytes: number;
}

/**
 * Walks the edits and seals of one manifest. One at offset B is whole if and only if (README.md, section 4)
 *  (1) 36 bytes from B on have the magic and a checksum that matches them, started from that of the file's header;
 *  (2) the header names B as its offset;
 *  (3) its payload lies inside the file and matches its checksum.
 * A crash can leave a last one that is not whole. Whatever else is wrong throws, with the place: rows E to H of
 * read-manifest.ts.
 */
export function walkManifest(
  path: string,
  number: number,
  bytes: Buffer,
  onEdit?: (place: EditPlace) => void,
): ManifestWalk {
  const decoded = decodeFileHeader(bytes);
  if ("problem" in decoded) throw new ManifestCorruptionError(path, 0, decoded.problem);
  const { header, version, checksum: seed } = decoded;
  if (header.number !== number) {
    throw new ManifestCorruptionError(path, 0, `its header says manifest ${header.number}`);
  }
  const walk: ManifestWalk = {
    version,
    state: new LiveState(header.storeId, header.hashSeed),
    editNumber: 0,
    editCount: 0,
    isSealed: true,
    end: fileHeaderBytes,
    torn: undefined,
  };
  let previousChecksum = seed;
  while (walk.end < bytes.length || walk.editCount === 0) {
    const offset = walk.end;
    const found = wholeEditAt(bytes, offset, seed);
    if ("problem" in found) {
      const damage = damageOf(found.problem, bytes, walk, seed);
      if (damage !== undefined) throw new ManifestCorruptionError(path, offset, damage);
      walk.torn = { offset, bytes: bytes.length - offset, problem: found.problem };
      return walk;
    }
    const problem = follow(walk, found, previousChecksum, onEdit);
    if (problem !== undefined) throw new ManifestCorruptionError(path, offset, problem);
    previousChecksum = editChecksum(bytes, offset);
    walk.end += editHeaderBytes + found.payload.length;
  }
  return walk;
}

/** Or a seal, whose payload is empty. */
interface WholeEdit {
  header: EditHeader;
  payload: Buffer;
}

/** (1) to (3) */
function wholeEditAt(bytes: Buffer, offset: number, seed: number): WholeEdit | { problem: string } {
  const header = decodeEditHeader(bytes, offset, seed);
  if (header === undefined) {
    const missing = offset + editHeaderBytes - bytes.length;
    if (missing > 0) return { problem: `the file ends ${missing} bytes before an edit's header does` };
    return { problem: "no edit's header is there, or its checksum does not match" };
  }
  const payloadStart = offset + editHeaderBytes;
  const payloadEnd = payloadStart + header.payloadBytes;
  if (payloadEnd > bytes.length) {
    return { problem: `the file ends ${payloadEnd - bytes.length} bytes before its edit does` };
  }
  const payload = bytes.subarray(payloadStart, payloadEnd);
  if (crc32c(payload) !== header.payloadChecksum)
    return { problem: "the checksum of an edit does not match" };
  return { header, payload };
}

/** Why bytes that are no whole edit can't be the work of a crash; undefined: they can. Rows F, H and I. */
function damageOf(problem: string, bytes: Buffer, walk: ManifestWalk, seed: number): string | undefined {
  // A manifest has its name only once its first edit was synced with it.
  if (walk.editCount === 0) return problem;
  const witness = findWitness(bytes, walk.end, seed);
  if (witness === undefined) return undefined;
  return `${problem}, and what begins at ${witness.offset} was written only after everything before it had been synced`;
}

/** Goes on with a whole edit or seal, or says why it can't have been written there. Row G. */
function follow(
  walk: ManifestWalk,
  { header, payload }: WholeEdit,
  previousChecksum: number,
  onEdit: ((place: EditPlace) => void) | undefined,
): string | undefined {
  const { editNumber, offset } = header;
  if (header.previousChecksum !== previousChecksum) return "the chain is broken: it follows another edit";
  const isFirst = walk.editCount === 0;
  if (payload.length === 0 && !isFirst) {
    if (walk.isSealed || editNumber !== walk.editNumber)
      return `it seals edit ${editNumber}, which is not before it`;
    walk.isSealed = true;
    return undefined;
  }
  if (!walk.isSealed) return `edit ${walk.editNumber} before it has no seal`;
  const isNext = Number.isSafeInteger(editNumber) && (isFirst || editNumber === walk.editNumber + 1);
  if (!isNext) return `it is edit ${editNumber}, behind edit ${walk.editNumber}`;
  const decoded = decodeEditPayload(payload, walk.version);
  if ("problem" in decoded) return `its edit is malformed: ${decoded.problem}`;
  const problem = walk.state.apply(decoded.edit);
  if (problem !== undefined) return `its edit can't be: ${problem}`;
  walk.editNumber = editNumber;
  walk.editCount++;
  walk.isSealed = isFirst;
  onEdit?.({ edit: decoded.edit, editNumber, offset, bytes: editHeaderBytes + payload.length });
  return undefined;
}
