import { assert } from "../lib/assert.ts";
import { HoldfastError, InvalidArgumentError, LimitError, UnknownOutcomeError } from "../lib/errors.ts";
import { batchBytesMax, batchOperationsMax } from "../lib/limits.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import {
  StorageFaultError,
  WalClosedError,
  WalCorruptionError,
  WalFencedError,
  WalReadOnlyError,
} from "./errors.ts";
import { recordFlag } from "./format.ts";
import { commitBytes } from "./group-builder.ts";
import { readRecords, type WalRecord } from "./log-reader.ts";
import type { LogWriter } from "./log-writer.ts";
import type { SegmentSpan } from "./segment-span.ts";
import { openLog, type OpenedLog } from "./open-log.ts";
import { checkOperation, type EncodableOperation, type Operation } from "./operation.ts";
import { resolveOptions, type SyncMode, type WalOptions } from "./options.ts";
import { encodeExpiry, encodeSession, recordBytes } from "./record.ts";
import { surveyLog } from "./survey.ts";
import { WaitingSeqs } from "./waiting-seqs.ts";

export { DiskFullError, StorageFaultError } from "./errors.ts";
export { WalClosedError, WalCorruptionError, WalFencedError, WalReadOnlyError };
export { HoldfastError, InvalidArgumentError, LimitError, UnknownOutcomeError };
export { LockHeldError } from "../vfs/file-system.ts";
export type { Operation, SyncMode, WalOptions, WalRecord };

/**
 * A durable, ordered log of puts and deletes: the part of Holdfast that keeps its promise, usable alone.
 *
 *     await using log = await WriteAheadLog.open("./log");
 *     const seq = await log.append({ type: "put", key: "a", value: "1" });   // resolved: synced
 *     for await (const record of log.replay()) apply(record);
 *
 * Every record consumes one sequence number, beginning with 1; numbers are given in the order of the calls and
 * are never used again, not even after truncation. The format, and what is promised when, is in README.md.
 */
export class WriteAheadLog {
  readonly directory: string;
  readonly syncMode: SyncMode;
  /** With onCorruption "stop": the damage that ends what can be read. The log takes no writes then. */
  readonly corruption: WalCorruptionError | undefined;
  /** If opening found a tail that a crash had torn, the file that keeps the bytes cut off. */
  readonly tornFile: string | undefined;
  readonly #fileSystem: FileSystem;
  readonly #log: OpenLogState;
  readonly #waiting = new WaitingSeqs();
  #closing: Promise<void> | undefined;

  private constructor(
    directory: string,
    syncMode: SyncMode,
    fileSystem: FileSystem,
    log: OpenLogState,
    findings: { corruption?: WalCorruptionError; tornFile?: string | undefined },
  ) {
    this.directory = directory;
    this.syncMode = syncMode;
    this.#fileSystem = fileSystem;
    this.#log = log;
    this.corruption = findings.corruption;
    this.tornFile = findings.tornFile;
  }

  /**
   * Opens the log in `directory`, which is created if missing. A torn tail is repaired; other damage throws
   * WalCorruptionError. Throws LockHeldError while another process has it open; a handle that this process has
   * is fenced: its later appends reject with WalFencedError.
   */
  static async open(directory: string, options: WalOptions = {}): Promise<WriteAheadLog> {
    const resolved = resolveOptions(directory, options);
    const { syncMode, fileSystem } = resolved;
    let log: WriteAheadLog | undefined;
    const listener = {
      advanced: () => log !== undefined && log.#advanced(),
      segmentBegun: () => {},
      segmentSealed: () => {},
      faulted: (fault: StorageFaultError) =>
        log !== undefined && log.#waiting.rejectAll(unknownOutcome(fault)),
    };
    let opened: OpenedLog;
    try {
      opened = await openLog({ ...resolved, listener });
    } catch (error) {
      if (!(error instanceof WalCorruptionError) || options.onCorruption !== "stop") throw error;
      const survey = surveyLog(fileSystem, directory);
      const salvaged = {
        spans: salvageableSpans(survey.segments),
        lastSeq: survey.lastSeq,
        floorSeq: survey.floorSeq,
      };
      return new WriteAheadLog(directory, syncMode, fileSystem, salvaged, { corruption: error });
    }
    const { writer, ownership, tornFile } = opened;
    log = new WriteAheadLog(directory, syncMode, fileSystem, { writer, ownership }, { tornFile });
    ownership.onTakenOver = () => log!.#fence();
    return log;
  }

  /** The newest sequence number that was given out; 0 in a fresh log. */
  get currentSeq(): number {
    return "writer" in this.#log ? this.#log.writer.builder.appendedSeq : this.#log.lastSeq;
  }

  /** Records up to this seq were truncated. */
  get floorSeq(): number {
    return "writer" in this.#log ? this.#log.writer.floorSeq : this.#log.floorSeq;
  }

  /**
   * Logs one operation and resolves with its seq, once it is as durable as the sync mode says. Rejects with
   * UnknownOutcomeError if the disk fails meanwhile; with any other error nothing was logged.
   */
  async append(operation: Operation): Promise<number> {
    const writer = this.#writable();
    const checked = checkOperation(operation, 0);
    writer.reserve(checked.bytes);
    return this.#acknowledged(appendOperation(writer, checked));
  }

  /**
   * Logs several operations, all or nothing, whatever happens. Resolves with the seq of the COMMIT that ends them;
   * each operation, and the COMMIT, has a seq of its own.
   */
  async appendBatch(operations: readonly Operation[]): Promise<number> {
    const writer = this.#writable();
    if (operations.length === 0)
      throw new InvalidArgumentError("Cannot append a batch: it has no operations");
    if (operations.length > batchOperationsMax) {
      throw new LimitError("Cannot append: operations of the batch", operations.length, batchOperationsMax);
    }
    const checked = operations.map((operation) => checkOperation(operation, recordFlag.inBatch));
    const bytes = checked.reduce((sum, operation) => sum + operation.bytes, commitBytes);
    if (bytes > batchBytesMax)
      throw new LimitError("Cannot append: bytes of the batch", bytes, batchBytesMax);
    writer.reserve(bytes);
    return this.#acknowledged(appendBatch(writer, checked));
  }

  /** Logs a CHECKPOINT, and resolves with its seq once it and all before it are synced, in every mode. */
  async checkpoint(): Promise<number> {
    const writer = this.#writable();
    writer.reserve(recordBytes(0, 0, 0));
    const seq = writer.builder.checkpoint();
    await this.#settled(writer.sync());
    return seq;
  }

  /**
   * Removes what takes effect at or before `seq` from every later view, durably, and deletes the segments that
   * hold nothing else. A batch takes effect at its COMMIT, so it goes or stays whole.
   */
  async truncate(seq: number): Promise<void> {
    const writer = this.#writable();
    if (!Number.isSafeInteger(seq) || seq < 0) {
      throw new InvalidArgumentError(`Cannot truncate through ${seq}: it is no sequence number`);
    }
    if (seq > this.currentSeq) {
      throw new InvalidArgumentError(
        `Cannot truncate through ${seq}: the newest sequence number is ${this.currentSeq}`,
      );
    }
    // It syncs in every mode, also where there is nothing new to truncate.
    await this.#settled(seq > writer.floorSeq ? writer.truncate(seq) : writer.sync());
  }

  /** The puts and deletes that take effect after `afterSeq` (exclusive; default 0), in order. */
  replay(options: { afterSeq?: number } = {}): AsyncGenerator<WalRecord, void, undefined> {
    return operationsOf(this.#read(options.afterSeq ?? 0));
  }

  /** Every record, COMMITs and CHECKPOINTs too, in order. */
  iterate(): AsyncGenerator<WalRecord, void, undefined> {
    return this.#read(0);
  }

  /** Resolves when everything that was appended before the call is synced, in every mode. */
  async sync(): Promise<void> {
    await this.#settled(this.#writable().sync());
  }

  /**
   * Writes and syncs what was appended, and lets the directory go; takes nothing more from the call on. Closing
   * twice does nothing more. Rejects if the disk has failed: then what was not synced before may be lost.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Shows what may be shown at the call: what is appended while reading goes on belongs to the next reader. */
  #read(afterSeq: number): AsyncGenerator<WalRecord, void, undefined> {
    const spans =
      "writer" in this.#log ? [...this.#log.writer.sealed, this.#log.writer.active] : this.#log.spans;
    return readRecords(this.#fileSystem, this.directory, spans, () => {
      // The owner may truncate, and what it deletes would look like damage to a handle that is none any more.
      if ("writer" in this.#log && this.#log.writer.stopped instanceof WalFencedError) {
        throw this.#log.writer.stopped;
      }
      return Math.max(afterSeq, this.floorSeq);
    });
  }

  #writable(): LogWriter {
    if (!("writer" in this.#log)) throw new WalReadOnlyError(this.directory);
    const { writer } = this.#log;
    if (writer.stopped !== undefined) throw writer.stopped;
    if (this.#closing !== undefined) throw new WalClosedError(this.directory);
    return writer;
  }

  #acknowledged(seq: number): Promise<number> {
    assert("writer" in this.#log, "only a log with a writer acknowledges");
    this.#log.writer.wake();
    return this.#waiting.add(seq);
  }

  /** Tells a failure in the middle of an act from a refusal before it. */
  async #settled(act: Promise<void>): Promise<void> {
    try {
      await act;
    } catch (error) {
      throw error instanceof StorageFaultError ? unknownOutcome(error) : error;
    }
  }

  #advanced(): void {
    if ("writer" in this.#log) this.#waiting.resolveThrough(this.#log.writer.ackableSeq);
  }

  async #close(): Promise<void> {
    if (!("writer" in this.#log)) return;
    const { writer, ownership } = this.#log;
    try {
      await this.#settled(writer.close(new WalClosedError(this.directory)));
      // A sync may have failed that nobody waited for.
      if (writer.stopped instanceof StorageFaultError) throw unknownOutcome(writer.stopped);
    } finally {
      ownership.release();
    }
  }

  async #fence(): Promise<void> {
    if (!("writer" in this.#log)) return;
    const fenced = new WalFencedError(this.directory);
    await this.#log.writer.stop(fenced);
    this.#waiting.rejectAll(fenced);
  }
}

type OpenLogState =
  | { writer: LogWriter; ownership: OpenedLog["ownership"] }
  /** Damaged, and opened for reading only. */
  | { spans: SegmentSpan[]; lastSeq: number; floorSeq: number };

function appendOperation(writer: LogWriter, operation: EncodableOperation): number {
  const { builder } = writer;
  const { type, flags, key, value, extras } = operation;
  const seq = builder.append(type, flags, key, 0, key.length, value, 0, value.length);
  const { bytes } = builder.image;
  if (extras.expiresAtMs !== undefined) encodeExpiry(bytes, builder.recordStart, extras.expiresAtMs);
  if (extras.session !== undefined) encodeSession(bytes, builder.recordStart, flags, extras.session);
  return seq;
}

function appendBatch(writer: LogWriter, operations: readonly EncodableOperation[]): number {
  try {
    for (const operation of operations) appendOperation(writer, operation);
    return writer.builder.commit(operations.length);
  } catch (error) {
    writer.abandon(error);
    throw error;
  }
}

async function* operationsOf(
  records: AsyncGenerator<WalRecord, void, undefined>,
): AsyncGenerator<WalRecord, void, undefined> {
  for await (const record of records) {
    if (record.type === "put" || record.type === "delete") yield record;
  }
}

function salvageableSpans(
  segments: readonly {
    number: number;
    header: { firstSeq: number };
    walk: { lastSeq: number; end: number };
  }[],
): SegmentSpan[] {
  return segments.map(({ number, header, walk }) => ({
    number,
    firstSeq: header.firstSeq,
    lastSeq: walk.lastSeq,
    bytes: walk.end,
  }));
}

function unknownOutcome(fault: HoldfastError): UnknownOutcomeError {
  return new UnknownOutcomeError(`Cannot tell whether this was logged: ${fault.message}`, { cause: fault });
}
