import { basename, join } from "node:path";
import { HoldfastError } from "../lib/errors.ts";
import { listManifests, manifestName } from "../manifest/directory.ts";
import { ManifestCorruptionError } from "../manifest/errors.ts";
import { decodeFileHeader, type FileHeader } from "../manifest/file-header.ts";
import type { ManifestState } from "../manifest/manifest-state.ts";
import { readManifest } from "../manifest/read-manifest.ts";
import { walkManifest, type EditPlace, type TornEdit } from "../manifest/walk-manifest.ts";
import { readFile, type FileSystem } from "../vfs/file-system.ts";
import { isSystemError } from "./store-report.ts";

/** All that a manifest says, or what can be read of it before damage. */
export interface ManifestDump {
  file: string;
  bytes: number;
  /** Undefined if it is damaged itself. */
  header: FileHeader | undefined;
  edits: EditPlace[];
  verdict: ManifestVerdict;
}

export type ManifestVerdict =
  | { kind: "clean"; state: ManifestState; isSealed: boolean }
  | { kind: "torn"; state: ManifestState; torn: TornEdit }
  | { kind: "corrupt"; error: ManifestCorruptionError };

/**
 * Reads one manifest: that of a data directory, of a directory of manifests, or the very file. Changes nothing, and
 * works beside a server, which may have half an edit in it at that moment.
 */
export function dumpManifest(fileSystem: FileSystem, path: string): ManifestDump {
  const names = namesIn(fileSystem, path);
  if (names === undefined) return dumpFile(fileSystem, path, (onEdit) => walkFile(fileSystem, path, onEdit));
  const directory = names.includes("manifest") ? join(path, "manifest") : path;
  const number = listManifests(fileSystem, directory).numbers.at(-1);
  if (number === undefined) {
    throw new HoldfastError(
      "NO_STORE",
      `Cannot read a manifest in ${path}: there is none; name a server's data directory, or a manifest's file`,
    );
  }
  const file = join(directory, manifestName(number));
  return dumpFile(fileSystem, file, (onEdit) => readManifest(fileSystem, directory, onEdit)!);
}

type Reading = { state: ManifestState; isSealed: boolean; torn: TornEdit | undefined };

function dumpFile(
  fileSystem: FileSystem,
  file: string,
  read: (onEdit: (place: EditPlace) => void) => Reading,
): ManifestDump {
  const bytes = readFile(fileSystem, file);
  const decoded = decodeFileHeader(bytes);
  const header = "problem" in decoded ? undefined : decoded.header;
  const edits: EditPlace[] = [];
  const dump = (verdict: ManifestVerdict) => ({ file, bytes: bytes.length, header, edits, verdict });
  try {
    const { state, isSealed, torn } = read((place) => edits.push(place));
    return dump(torn === undefined ? { kind: "clean", state, isSealed } : { kind: "torn", state, torn });
  } catch (error) {
    if (!(error instanceof ManifestCorruptionError)) throw error;
    return dump({ kind: "corrupt", error });
  }
}

/** One that is not the newest, or was put elsewhere. What its name does not say, its header does. */
function walkFile(fileSystem: FileSystem, file: string, onEdit: (place: EditPlace) => void): Reading {
  const bytes = readFile(fileSystem, file);
  const [, digits] = /^(\d{12})\.manifest$/.exec(basename(file)) ?? [];
  const decoded = decodeFileHeader(bytes);
  const number = digits !== undefined ? Number(digits) : "problem" in decoded ? 0 : decoded.header.number;
  const { state, isSealed, torn } = walkManifest(file, number, bytes, onEdit);
  return { state: state.freeze(), isSealed, torn };
}

/** Undefined: it is a file. */
function namesIn(fileSystem: FileSystem, path: string): string[] | undefined {
  try {
    return fileSystem.list(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOTDIR") return undefined;
    if (error.code !== "ENOENT") throw error;
    throw new HoldfastError(
      "NO_STORE",
      `Cannot read a manifest in ${path}: there is no such file or directory`,
    );
  }
}
