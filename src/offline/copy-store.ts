import { basename, dirname, join, normalize } from "node:path";
import { storeDirectories, StoreMismatchError } from "../engine/store-fit.ts";
import { HoldfastError, InvalidArgumentError } from "../lib/errors.ts";
import { copyAttemptsMax } from "../lib/limits.ts";
import { listManifests, manifestName } from "../manifest/directory.ts";
import { ManifestFaultError } from "../manifest/errors.ts";
import { readManifest } from "../manifest/read-manifest.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { isStore, readStore } from "./check-store.ts";
import { CopiedTables } from "./copied-tables.ts";
import { copyLog } from "./copy-log.ts";
import { isCorruption, isSystemError, type StoreReport } from "./store-report.ts";
import { UnfinishedStore } from "./unfinished-store.ts";

export interface CopyOptions {
  /** Gives tables a second name instead of copying them, where the file system can: both stores then share bytes. */
  linksTables: boolean;
}

export interface CopyReport {
  tablesLinked: number;
  tablesCopied: number;
  /** Of tables and log. */
  bytesCopied: number;
  /** How often it looked: each time after the first the store had moved on meanwhile. */
  attempts: number;
  check: StoreReport;
}

/**
 * Copies a store as it is at one moment, also while a server writes to it: with everything that was acknowledged
 * before the call, and whole batches. Needs nothing from the server, because of how files live: tables never change,
 * the manifest says which of them make a state, and the log only grows at its end.
 *
 *   1. read the manifest;
 *   2. link or copy its tables. If a compaction has removed one meanwhile, look again; what is there already stays;
 *   3. copy the log up to where it no longer fits that manifest. If a flush has removed too much of it, look again;
 *   4. write the manifest; sync everything; read all of it again and check it; give it its name.
 *
 * So `to` appears whole and checked, or not at all.
 */
export async function copyStore(
  fileSystem: FileSystem,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<CopyReport> {
  // "backups/monday/" is a directory's name as well, but what is built beside it needs a name of its own.
  const target = normalize(to).replace(/(?<=.)\/+$/, "");
  try {
    assertCopyable(fileSystem, from, target);
    return await copyBeside(fileSystem, from, target, options);
  } catch (error) {
    throw explained(error, from, target);
  }
}

async function copyBeside(
  fileSystem: FileSystem,
  from: string,
  to: string,
  { linksTables }: CopyOptions,
): Promise<CopyReport> {
  const unfinished = UnfinishedStore.begin(fileSystem, `${to}.unfinished`);
  try {
    const tables = new CopiedTables(
      fileSystem,
      storeDirectories(from).tables,
      unfinished.tables,
      linksTables,
    );
    const { attempts, logBytes } = await gather(fileSystem, from, unfinished, tables);
    await unfinished.sync();
    const check = { ...readStore(fileSystem, unfinished.directory), directory: to };
    assertUndamaged(check, from, unfinished.directory);
    await unfinished.publish(to);
    const { tablesLinked, tablesCopied } = tables;
    return { tablesLinked, tablesCopied, bytesCopied: tables.bytesCopied + logBytes, attempts, check };
  } catch (error) {
    unfinished.discard();
    throw error;
  } finally {
    unfinished.release();
  }
}

function assertCopyable(fileSystem: FileSystem, from: string, to: string): void {
  if (!isStore(fileSystem, from)) {
    throw new HoldfastError(
      "NO_STORE",
      `Cannot copy ${from}: there is no store in it; name the data directory of a server, or a backup`,
    );
  }
  if (fileSystem.exists(to)) {
    throw new HoldfastError("TARGET_EXISTS", `Cannot copy to ${to}: it exists already; name a new directory`);
  }
  if (truePath(fileSystem, to).startsWith(`${truePath(fileSystem, from)}/`)) {
    throw new InvalidArgumentError(
      `Cannot copy ${from} to ${to}: that lies inside of it; name a directory elsewhere`,
    );
  }
}

/** Of what need not exist yet. */
function truePath(fileSystem: FileSystem, path: string): string {
  if (fileSystem.exists(path)) return fileSystem.realPath(path);
  return join(truePath(fileSystem, dirname(path)), basename(path));
}

/** Brings together what makes a store at one moment. */
async function gather(
  fileSystem: FileSystem,
  from: string,
  unfinished: UnfinishedStore,
  tables: CopiedTables,
): Promise<{ attempts: number; logBytes: number }> {
  let fruitless = 0;
  for (let attempts = 1; ; attempts++) {
    const moment = momentOf(fileSystem, from);
    const { bytesCopied } = tables;
    try {
      const state = readManifest(fileSystem, storeDirectories(from).manifest)?.state;
      await tables.complete(state?.tables ?? []);
      const logBytes = await copyLog(fileSystem, from, unfinished.wal, state);
      if (state !== undefined) await unfinished.writeManifest(state);
      return { attempts, logBytes };
    } catch (error) {
      const isPassing = moment === undefined || momentOf(fileSystem, from) !== moment;
      if (!isPassing || !mayPass(error)) throw error;
      // A table that was copied is one that no later attempt has to wait for: each such attempt brings the end nearer.
      if (tables.bytesCopied > bytesCopied) continue;
      if (++fruitless < copyAttemptsMax) continue;
      throw new HoldfastError(
        "COPY_FAILED",
        `Cannot copy ${from}: it moved on each of ${attempts} times that it was read; try again when less is written ` +
          `to it. The last time: ${error.message}`,
        { cause: error },
      );
    }
  }
}

/**
 * What changes with every flush and every compaction before a file goes: if it is the same before and after an attempt
 * that failed, then the failure was not due to one. Undefined: it was changing in that very moment.
 */
function momentOf(fileSystem: FileSystem, from: string): string | undefined {
  const { wal, manifest } = storeDirectories(from);
  try {
    const names = [wal, manifest].flatMap((part) =>
      fileSystem.exists(part) ? fileSystem.list(part).sort() : ["-"],
    );
    const newest = fileSystem.exists(manifest)
      ? listManifests(fileSystem, manifest).numbers.at(-1)
      : undefined;
    if (newest === undefined) return names.join(" ");
    const file = fileSystem.openRead(join(manifest, manifestName(newest)));
    names.push(String(file.size()));
    file.close();
    return names.join(" ");
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether a store that moves on while it is read can look like that for a moment. */
function mayPass(error: unknown): error is Error {
  if (isSystemError(error)) return error.code === "ENOENT";
  return isCorruption(error) || error instanceof StoreMismatchError;
}

function assertUndamaged({ findings }: StoreReport, from: string, copy: string): void {
  const [finding] = findings;
  if (finding === undefined) return;
  const { file, offset, problem } = finding;
  const original = join(from, file.slice(copy.length));
  throw new HoldfastError(
    "COPY_DAMAGED",
    `Cannot copy ${from}: what was copied of ${original} is damaged at offset ${offset}: ${problem}; nothing was kept. ` +
      `"holdfast check ${from}", with its server stopped, says whether the original is, too`,
  );
}

/** What the system says alone does not tell what was to be done, and what is left of it. */
function explained(error: unknown, from: string, to: string): unknown {
  const cause = error instanceof ManifestFaultError ? error.cause : error;
  if (!isSystemError(cause)) return error;
  const message = `Cannot copy ${from} to ${to}: ${cause.message}; nothing was kept. Mend that, and try again`;
  return new HoldfastError("COPY_FAILED", message, { cause });
}
