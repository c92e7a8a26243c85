import { join } from "node:path";
import { assert } from "../lib/assert.ts";
import { HoldfastError } from "../lib/errors.ts";
import { tableName } from "../table/table-format.ts";
import type { TableSummary } from "../table/table-summary.ts";
import { TableWriter } from "../table/table-writer.ts";
import { verifyTable } from "../table/verify-table.ts";
import type { File } from "../vfs/file-system.ts";
import { JobCancelledError, JobDiskFullError, JobFailedError } from "./errors.ts";
import type { JobOutput } from "./job.ts";
import type { JobWorld } from "./job-world.ts";
import { Pace } from "./pace.ts";

/**
 * The tables that a job writes, one after the other. Each is written under a temporary name, synced, read again and
 * verified as a whole, and only then gets its name; when all have theirs, the directory is synced. So whatever
 * happens in between, a table's name stands for a whole table, and what nobody was told of may be deleted.
 */
export class TableOutputs {
  bytesWritten = 0;
  readonly #world: JobWorld;
  readonly #job: JobOutput;
  readonly #versionMin: number;
  /** Merges stand still while a flush runs on the same thread. */
  readonly #waitsForFlushes: boolean;
  readonly #pace: Pace;
  /** Syncs of the directory that had failed when the job began. */
  readonly #failuresBefore: number;
  readonly #finished: TableSummary[] = [];
  /** What is to be removed if the job does not end well. */
  readonly #paths = new Set<string>();
  #open: OpenTable | undefined;

  /** No version that will be written is less than `versionMin`. */
  constructor(world: JobWorld, job: JobOutput, versionMin: number, waitsForFlushes: boolean) {
    this.#world = world;
    this.#job = job;
    this.#versionMin = versionMin;
    this.#waitsForFlushes = waitsForFlushes;
    this.#pace = new Pace(world.clock, job.bytesPerSecondMax);
    this.#failuresBefore = world.publishTurns.failures;
  }

  get entryCount(): number {
    return this.#finished.reduce((sum, table) => sum + table.entryCount, 0);
  }

  /** The writer of the table that entries go to now: a new table, unless one is open. */
  get writer(): TableWriter {
    return (this.#open ??= this.#begin()).writer;
  }

  get hasOpenTable(): boolean {
    return this.#open !== undefined;
  }

  /** Whether the open table has as much as it should have, and ends before the next key. */
  get isTableFull(): boolean {
    return this.#open !== undefined && this.#open.writer.bytes >= this.#job.tableBytesMax;
  }

  get isChunkFull(): boolean {
    return this.#open !== undefined && this.#open.writer.pendingBytes >= this.#world.chunkBytes;
  }

  /** Writes a full chunk, at the job's pace, and gives others their turn. Throws if the job is to end. */
  async endChunk(): Promise<void> {
    const { clock, gate } = this.#world;
    const open = this.#open;
    if (open !== undefined && this.isChunkFull) {
      await this.#touch(open.path, () => open.writer.writeOut());
      await this.#paceTo(open.writer.bytes);
    }
    // Syncs and timers let messages in, but there may have been neither.
    await new Promise<void>((resolve) => clock.afterPoll(resolve));
    if (this.#waitsForFlushes) await gate.passed();
    this.#assertWanted();
  }

  /** Ends the open table, and believes it only after reading it again. */
  async endTable(): Promise<void> {
    const open = this.#open;
    assert(open !== undefined, "only an open table is ended");
    const { fileSystem } = this.#world;
    const { number, writer, path } = open;
    const summary = await this.#touch(path, () => writer.finish());
    await this.#paceTo(summary.bytes);
    this.#open = undefined;
    open.file.close();
    const { storeId, hashSeed } = this.#job;
    const found = verifyTable(fileSystem, path, { storeId, number, hashSeed });
    assert(
      found.fileChecksum === summary.fileChecksum && found.entryCount === summary.entryCount,
      "a table is what was written into it",
    );
    const finalPath = join(this.#job.directory, tableName(number));
    this.#paths.add(finalPath);
    await this.#touch(finalPath, () => fileSystem.rename(path, finalPath));
    this.#paths.delete(path);
    this.bytesWritten += summary.bytes;
    // The keys may be views of large buffers, and would take those along to another thread.
    const { firstKey, lastKey } = summary;
    this.#finished.push({
      ...summary,
      firstKey: new Uint8Array(firstKey),
      lastKey: new Uint8Array(lastKey),
    });
    this.#world.tableEnded();
    this.#assertWanted();
  }

  /** Ends the last table and makes the names of all durable. */
  async publish(): Promise<TableSummary[]> {
    if (this.#open !== undefined) await this.endTable();
    if (this.#finished.length > 0) {
      const { directory } = this.#job;
      await this.#world.publishTurns.take(this.#failuresBefore, async () => {
        await this.#touch(directory, () => this.#world.fileSystem.syncDirectory(directory));
      });
    }
    return this.#finished;
  }

  /** After a failure: removes what was written, as far as that goes. A start removes the rest. */
  discard(): void {
    const { file } = this.#open ?? {};
    this.#open = undefined;
    const removals = [...this.#paths].map((path) => () => this.#world.fileSystem.unlink(path));
    for (const attempt of [() => file?.close(), ...removals]) {
      try {
        attempt();
      } catch {
        // It may never have been there, and a disk that fails may keep it: nothing refers to it.
      }
    }
  }

  #begin(): OpenTable {
    const { directory, firstTableNumber, tableNumbersMax, storeId, hashSeed } = this.#job;
    const { fileSystem } = this.#world;
    assert(this.#finished.length < tableNumbersMax, "a job is given enough numbers for its tables");
    const number = firstTableNumber + this.#finished.length;
    const finalPath = join(directory, tableName(number));
    // Its name would go to another table without a word.
    assert(!fileSystem.exists(finalPath), "the numbers of tables are never used twice");
    const path = `${finalPath}.tmp`;
    // What an earlier attempt could not remove belongs to nobody.
    if (fileSystem.exists(path)) fileSystem.unlink(path);
    this.#paths.add(path);
    const file = fileSystem.create(path);
    const writer = new TableWriter({ file, storeId, number, hashSeed, versionMin: this.#versionMin });
    return { file, path, number, writer, bytesPaced: 0 };
  }

  async #paceTo(bytes: number): Promise<void> {
    const open = this.#open;
    if (open === undefined || bytes === open.bytesPaced) return;
    const chunk = bytes - open.bytesPaced;
    open.bytesPaced = bytes;
    await this.#pace.wrote(chunk);
  }

  #assertWanted(): void {
    if (this.#world.cancelled()) throw new JobCancelledError();
    const { directory, diskFreeBytesMin } = this.#job;
    if (diskFreeBytesMin === 0) return;
    const bytesFree = this.#world.fileSystem.freeBytes(directory);
    if (bytesFree < diskFreeBytesMin) throw JobDiskFullError.measured(directory, bytesFree, diskFreeBytesMin);
  }

  /** Errors of the system know the call, and rarely the file. */
  async #touch<T>(path: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (error instanceof HoldfastError || typeof code !== "string" || !("syscall" in (error as object))) {
        throw error;
      }
      const message = `Cannot write the table ${path}: ${(error as Error).message}`;
      throw new JobFailedError(code, message, { file: path }, error);
    }
  }
}

interface OpenTable {
  readonly file: File;
  readonly path: string;
  readonly number: number;
  readonly writer: TableWriter;
  /** So many of its bytes have had their time. */
  bytesPaced: number;
}
