import { assert } from "../lib/assert.ts";
import { ByteWriter } from "../lib/byte-writer.ts";
import { crc32c } from "../lib/crc32c.ts";
import { writeFully, type File, type FileSystem } from "../vfs/file-system.ts";
import { publishFile } from "../vfs/publish.ts";
import { manifestName } from "./directory.ts";
import { encodeEditHeader } from "./edit-header.ts";
import { encodeEditPayload } from "./edit-payload.ts";
import { encodeFileHeader } from "./file-header.ts";
import { editHeaderBytes, fileHeaderBytes } from "./format.ts";
import { stateAsEdit, type ManifestEdit, type ManifestState } from "./manifest-state.ts";

/**
 * The file of the current manifest: published whole with one edit that holds everything, and then appended to. Knows
 * where it ends, and chains its edits.
 */
export class ManifestFile {
  readonly path: string;
  readonly number: number;
  /** Of the first edit, and of all before it, together. */
  readonly stateBytes: number;
  /** Written and synced. */
  bytes: number;
  /** Of the last edit that is in the file. */
  editNumber: number;
  readonly #file: File;
  readonly #seed: number;
  #previousChecksum: number;

  private constructor(file: File, number: number, content: ManifestContent) {
    this.path = file.path;
    this.number = number;
    this.stateBytes = this.bytes = content.bytes.length;
    this.editNumber = content.editNumber;
    this.#file = file;
    this.#seed = content.seed;
    this.#previousChecksum = content.lastChecksum;
  }

  /** Resolves once the file is durable under its name: then, and not before, older ones may go. */
  static async publish(
    fileSystem: FileSystem,
    directory: string,
    number: number,
    state: ManifestState,
    editNumber: number,
  ): Promise<ManifestFile> {
    const content = encodeManifest(state, number, editNumber);
    const file = await publishFile(fileSystem, directory, manifestName(number), content.bytes);
    return new ManifestFile(file, number, content);
  }

  /** The bytes of the edit that comes next, and of its seal. */
  encode(edit: ManifestEdit): SealedEdit {
    const editNumber = this.editNumber + 1;
    const encoded = encodeEdit(edit, editNumber, this.bytes, this.#previousChecksum, this.#seed);
    const sealOffset = this.bytes + encoded.bytes.length;
    return { edit: encoded, seal: encodeSeal(editNumber, sealOffset, encoded.checksum, this.#seed) };
  }

  /**
   * Appends what `encode` made; resolves once it is durable and sealed. The seal is begun only after the edit was
   * synced, and the next edit only after the seal was: so one of them at a time may be torn, and an edit that was
   * announced is never the last thing in the file, where damage would look like a tear.
   */
  async append({ edit, seal }: SealedEdit): Promise<void> {
    for (const { bytes, checksum } of [edit, seal]) {
      writeFully(this.#file, bytes, this.bytes);
      await this.#file.datasync();
      this.bytes += bytes.length;
      this.#previousChecksum = checksum;
    }
    this.editNumber++;
  }

  close(): void {
    this.#file.close();
  }
}

export interface SealedEdit {
  readonly edit: EncodedEdit;
  readonly seal: EncodedEdit;
}

/** What is written at once: an edit, or a seal. */
interface EncodedEdit {
  readonly bytes: Buffer;
  /** That of its header, which the next one repeats. */
  readonly checksum: number;
}

/** A whole manifest, with a state as its only edit. */
interface ManifestContent {
  readonly bytes: Buffer;
  readonly editNumber: number;
  /** The checksum of the file's header, from which those of all its edits start. */
  readonly seed: number;
  readonly lastChecksum: number;
}

function encodeManifest(state: ManifestState, number: number, editNumber: number): ManifestContent {
  const { storeId, hashSeed } = state;
  const header = Buffer.alloc(fileHeaderBytes);
  const seed = encodeFileHeader(header, { storeId, hashSeed, number });
  const { bytes, checksum } = encodeEdit(stateAsEdit(state), editNumber, fileHeaderBytes, seed, seed);
  return { bytes: Buffer.concat([header, bytes]), editNumber, seed, lastChecksum: checksum };
}

function encodeEdit(
  edit: ManifestEdit,
  editNumber: number,
  offset: number,
  previousChecksum: number,
  seed: number,
): EncodedEdit {
  const writer = new ByteWriter();
  writer.reserve(editHeaderBytes);
  encodeEditPayload(writer, edit);
  const bytes = writer.bytes.subarray(0, writer.length);
  const payload = bytes.subarray(editHeaderBytes);
  assert(payload.length <= 0xffff_ffff, "the length of a payload has 32 bits");
  const payloadChecksum = crc32c(payload);
  const header = { payloadBytes: payload.length, payloadChecksum, editNumber, offset, previousChecksum };
  return { bytes, checksum: encodeEditHeader(bytes, header, seed) };
}

/** A header without payload: it says that the edit before it is durable. */
function encodeSeal(editNumber: number, offset: number, previousChecksum: number, seed: number): EncodedEdit {
  const bytes = Buffer.alloc(editHeaderBytes);
  const header = { payloadBytes: 0, payloadChecksum: 0, editNumber, offset, previousChecksum };
  return { bytes, checksum: encodeEditHeader(bytes, header, seed) };
}
