import { join } from "node:path";
import type { HoldfastError } from "../lib/errors.ts";
import { gatherRecordsMin, pendingBytesMax, preparedBytes, sharedGroupBytesMax } from "../lib/limits.ts";
import { randomBytes } from "../lib/random.ts";
import type { Barrier } from "./barrier.ts";
import { segmentName } from "./directory.ts";
import { DirectoryTurns } from "./directory-turns.ts";
import { DiskRoom } from "./disk-room.ts";
import { StorageFaultError } from "./errors.ts";
import { GroupBuilder } from "./group-builder.ts";
import type { LogStart } from "./log-start.ts";
import { LogSyncs } from "./log-syncs.ts";
import type { LogWriterOptions } from "./options.ts";
import { SegmentFile } from "./segment-file.ts";
import type { SegmentImage } from "./segment-image.ts";
import type { SegmentSpan } from "./segment-span.ts";

/**
 * The disk side of the log: takes groups from the builder, one at a time and in order, and makes them durable.
 *
 *   append, append, … ──> open group ──take──> write ──> datasync ──> durableSeq ──> listener.advanced()
 *                             ^                   one group in flight      │
 *                             └────── fills while a sync is in flight <────┘
 *
 * One group in flight (mode "always"): group N+1 is written only after group N's sync returned. So a crash tears
 * one group at most, a valid group proves that everything before it was durable, and throughput rises with the
 * sync's latency instead of falling, because the next group fills meanwhile.
 *
 * Any failure of the disk stops the writer for good (StorageFaultError); nothing is tried again.
 */
export class LogWriter {
  readonly builder: GroupBuilder;
  readonly storeId: Uint8Array;
  /** Records up to this seq are truncated, durably. */
  floorSeq: number;
  /** Sealed segments that still exist, oldest first. */
  readonly sealed: SegmentSpan[];
  /** What stopped the writer, if something did. */
  stopped: HoldfastError | undefined;
  /** To segments, by this process. */
  bytesWritten = 0;
  /** Counted up by whoever is asked for anything but an append: the event loop has others to serve. */
  readsSeen = 0;
  readonly #options: LogWriterOptions;
  readonly #assertInPlace: () => void;
  #segment: SegmentFile;
  /** The floor that the newest written group carries. */
  #floorWritten: number;
  readonly #barriers: Barrier[] = [];
  #groupsWritten = 0;
  readonly #room: DiskRoom;
  #running: Promise<void> | undefined;
  readonly #syncs: LogSyncs;
  readonly #directoryTurns: DirectoryTurns;
  #wakeScheduled = false;
  #syncTimerArmed = false;
  #sealTimerArmed = false;
  /** Whether a later durable header vouches for every group with records, so that no seal is due. */
  #vouchedFor: boolean;
  /** Those that wait when a group is durable, and as many as it had: whoever sent these comes again. */
  #recordsAwaited = 0;
  /** Where the last group with records that this process wrote to the segment ends. */
  #recordsEnd = 0;

  constructor(options: LogWriterOptions, start: LogStart) {
    this.#options = options;
    this.#assertInPlace = start.assertInPlace;
    this.#room = new DiskRoom(options.fileSystem, options.directory, options.diskHeadroomBytes);
    this.#segment = start.segment;
    this.#vouchedFor = start.vouchedFor;
    this.storeId = start.storeId;
    this.floorSeq = this.#floorWritten = start.floorSeq;
    this.sealed = start.sealed;
    this.builder = new GroupBuilder({
      image: start.segment.image,
      appendedSeq: start.segment.writtenSeq,
      floorSeq: start.floorSeq,
      segmentBytesMax: options.segmentBytesMax,
      images: options.images,
      onSegment: (image) => options.listener.segmentBegun(image),
    });
    this.#directoryTurns = new DirectoryTurns(
      () => this.#assertSound(),
      (error) => (this.#fail(error), this.stopped),
    );
    this.#syncs = new LogSyncs(options, () => this.readsSeen + this.builder.appendedSeq);
  }

  /**
   * Everybody listens from here on: what recovery left unvouched for gets its seal once the log is idle. Not earlier,
   * because a seal may begin a segment, and whoever has not heard of it can't index what lies there.
   */
  begin(): void {
    this.#scheduleSeal();
  }

  get directory(): string {
    return this.#options.directory;
  }

  get syncCount(): number {
    return this.#syncs.count;
  }

  get writtenSeq(): number {
    return this.#segment.writtenSeq;
  }

  get durableSeq(): number {
    return this.#segment.durableSeq;
  }

  /** What may be acknowledged and observed: in "always" what was synced, in the other modes what was written. */
  get ackableSeq(): number {
    return this.#options.syncMode === "always" ? this.#segment.durableSeq : this.#segment.writtenSeq;
  }

  /** The active segment, up to where its content may be shown. */
  get active(): SegmentSpan {
    const { image, durableOffset, writtenOffset } = this.#segment;
    const bytes = this.#options.syncMode === "always" ? durableOffset : writtenOffset;
    return { number: image.number, firstSeq: image.firstSeq, lastSeq: this.ackableSeq, bytes };
  }

  /**
   * Before records of `bytes` bytes together are appended: throws unless the log takes them, with nothing changed,
   * and makes room for them in one group.
   */
  reserve(bytes: number): void {
    if (this.stopped !== undefined) throw this.stopped;
    // Once a group, so that an idle log does not go by what it saw long ago; and before it refuses.
    if (!this.builder.groupIsOpen || !this.#room.fits(bytes)) this.#measureDisk();
    this.#room.take(bytes, this.#segment.writtenOffset);
    this.builder.makeRoom(bytes);
  }

  /** Sees to it that what was appended is written soon: after the sockets that are ready now were read. */
  wake(): void {
    this.#syncs.came();
    if (this.#wakeScheduled || this.#running !== undefined || this.stopped !== undefined) return;
    this.#wakeScheduled = true;
    this.#options.clock.afterPoll(() => {
      this.#wakeScheduled = false;
      this.#start();
    });
  }

  /** Resolves when everything that was appended before the call is durable, in every mode. */
  sync(): Promise<void> {
    return this.#barrier(async () => {});
  }

  /** Truncates through `seq`, durably, and then deletes the segments that hold nothing above it. */
  async truncate(seq: number): Promise<void> {
    if (this.stopped !== undefined) throw this.stopped;
    this.builder.floorSeq = Math.max(this.builder.floorSeq, seq);
    this.builder.seal();
    // The active segment is deleted too if it holds nothing more; its successor's header keeps the numbers.
    if (seq === this.builder.appendedSeq && this.builder.image.firstSeq <= seq) this.builder.beginSegment(0);
    const { image } = this.builder;
    await this.#barrier(async () => {
      if (image.number > this.#segment.image.number) await this.#startSegment(image);
      this.floorSeq = this.#floorWritten;
    });
    // Beside the groups that follow, and not before them: deleting takes as long as a few syncs.
    await this.#directoryTurns.take(() => this.#deleteCovered());
  }

  /** Writes and syncs all that was appended, vouches for it with a seal, and lets the file go. */
  async close(reason: HoldfastError): Promise<void> {
    try {
      if (this.stopped !== undefined) return;
      await this.sync();
      if (!this.#vouchedFor) this.builder.seal();
      await this.#barrier(() => this.#segment.trim());
    } finally {
      await this.stop(reason);
    }
  }

  /**
   * Takes nothing more. The group in flight is finished, and whoever waits for no more than what was written;
   * what was not written yet never will be.
   */
  async stop(reason: HoldfastError): Promise<void> {
    this.stopped ??= reason;
    this.#syncs.came();
    await this.#running;
    await this.#syncs.ended();
    await this.#directoryTurns.ended;
    for (const barrier of this.#barriers.splice(0)) barrier.reject(reason);
    this.#segment.close();
  }

  /** Runs `action` when all that was appended before the call is durable, and before anything later is written. */
  #barrier(action: () => Promise<void>): Promise<void> {
    if (this.stopped !== undefined) return Promise.reject(this.stopped);
    this.builder.closeGroup();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#barriers.push({ afterGroups: this.builder.groupsClosed, action, resolve, reject });
    this.wake();
    return promise;
  }

  #start(): void {
    if (this.#running !== undefined || this.stopped !== undefined) return;
    this.#running = this.#run()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#running = undefined;
        if (this.builder.hasWork || this.#barriers.length > 0) this.wake();
      });
  }

  async #run(): Promise<void> {
    for (;;) {
      const barrier = this.#barriers[0];
      if (barrier !== undefined && barrier.afterGroups <= this.#groupsWritten) {
        await this.#syncs.makeDurable(this.#segment);
        await barrier.action();
        this.#barriers.shift();
        barrier.resolve();
        continue;
      }
      if (await this.#hasWaited()) continue;
      await this.#syncs.gather(() => this.#recordsMissing);
      const group = this.stopped === undefined ? this.builder.take() : undefined;
      if (group === undefined) break;
      this.#assertInPlace();
      if (group.image !== this.#segment.image) await this.#startSegment(group.image);
      const recordsAreDurable = this.#segment.durableOffset >= this.#recordsEnd;
      this.#segment.write(group, this.#options.preparesSegments && this.#room.fits(preparedBytes));
      this.#floorWritten = group.floorSeq;
      this.#groupsWritten++;
      // A seal vouches for what was synced before it; in the modes that sync rarely that need not be everything.
      this.#vouchedFor = group.recordCount === 0 && recordsAreDurable;
      if (group.recordCount > 0) this.#recordsEnd = group.end;
      this.#written(group.end - group.start);
      if (this.#options.syncMode === "always") {
        await this.#syncs.makeDurable(this.#segment);
        this.#recordsAwaited = this.builder.appendedSeq - this.writtenSeq + group.recordCount;
      } else {
        this.#options.listener.advanced();
        this.#scheduleSync();
      }
    }
    this.#scheduleSeal();
  }

  /**
   * Whether the next group had to wait for those who take the log over; it grows meanwhile, so nothing is wasted. But
   * nobody waits before a barrier: it may be theirs, and then they would wait for each other.
   */
  async #hasWaited(): Promise<boolean> {
    if (this.stopped !== undefined || this.#barriers.length > 0 || !this.builder.hasWork) return false;
    const waitMs = this.#options.pace.waitMs();
    if (waitMs <= 0) return false;
    await new Promise<void>((resolve) => void this.#options.clock.schedule(waitMs, resolve, true));
    return true;
  }

  /** How many more the next group may have if it waits; 0 where nobody is awaited, or somebody minds. */
  get #recordsMissing(): number {
    const somebodyMinds = this.stopped !== undefined || this.#barriers.length > 0;
    if (somebodyMinds || !this.builder.hasWork || this.#recordsAwaited < gatherRecordsMin) return 0;
    return this.#recordsAwaited - (this.builder.appendedSeq - this.writtenSeq);
  }

  /** Whoever was asked to bring nothing more hears as soon as there is room, and not only when the sync is over. */
  #written(bytes: number): void {
    this.bytesWritten += bytes;
    this.#options.pace.wrote(bytes);
    const { builder } = this;
    const before = builder.pendingBytes;
    builder.pendingBytes -= bytes;
    const isBelow = (max: number) => before > max && builder.pendingBytes <= max;
    if (isBelow(pendingBytesMax) || isBelow(sharedGroupBytesMax)) this.#options.listener.advanced();
  }

  /** Mode "batch": a sync follows within so many records or so much time, and never holds up a write. */
  #scheduleSync(): void {
    if (this.#options.syncMode !== "batch" || this.stopped !== undefined) return;
    if (this.#segment.durableOffset === this.#segment.writtenOffset) return;
    if (this.writtenSeq - this.durableSeq >= this.#options.batchRecordsMax) {
      this.#syncInBackground();
    } else if (!this.#syncTimerArmed) {
      this.#syncTimerArmed = true;
      this.#options.clock.schedule(this.#options.batchDelayMs, () => {
        this.#syncTimerArmed = false;
        if (this.#segment.durableOffset < this.#segment.writtenOffset) this.#syncInBackground();
      });
    }
  }

  #syncInBackground(): void {
    if (this.#syncs.isInFlight || this.stopped !== undefined) return;
    void this.#syncs
      .once(this.#segment)
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#scheduleSync();
        this.#scheduleSeal();
      });
  }

  /**
   * Damage to the last group can't be told from a tear, on any single machine. So when the log falls idle, a
   * group without records follows and vouches for the one before it. The timer is not rearmed by every group: it
   * looks when it fires, so a seal comes after one to two delays of silence.
   */
  #scheduleSeal(): void {
    const isDurable = this.#segment.durableOffset === this.#segment.writtenOffset;
    if (this.#sealTimerArmed || this.#vouchedFor || !isDurable || this.stopped !== undefined) return;
    this.#sealTimerArmed = true;
    const groupsWritten = this.#groupsWritten;
    this.#options.clock.schedule(this.#options.sealDelayMs, () => {
      this.#sealTimerArmed = false;
      const isIdle =
        groupsWritten === this.#groupsWritten && !this.builder.hasWork && this.#running === undefined;
      if (!isIdle) return this.#scheduleSeal();
      if (this.#vouchedFor || this.stopped !== undefined) return;
      this.builder.seal();
      this.wake();
    });
  }

  /** Seals the active segment, and begins the next one, whose header vouches for it. */
  async #startSegment(image: SegmentImage): Promise<void> {
    const { fileSystem, directory, random } = this.#options;
    await this.#syncs.makeDurable(this.#segment);
    await this.#segment.trim();
    const predecessor = this.#segment.end;
    const { firstSeq } = this.#segment.image;
    const header = {
      storeId: this.storeId,
      number: image.number,
      firstSeq: image.firstSeq,
      floorSeq: this.#floorWritten,
      salt: randomBytes(random, 8),
      predecessor,
    };
    const next = await this.#directoryTurns.take(() =>
      SegmentFile.begin(fileSystem, directory, image, header),
    );
    this.#segment.close();
    this.#segment = next;
    this.#vouchedFor = true;
    this.#recordsEnd = 0;
    const { number, lastSeq, bytes } = predecessor;
    const span = { number, firstSeq, lastSeq, bytes };
    this.sealed.push(span);
    this.#options.listener.segmentSealed(span);
  }

  /** Oldest first, so that what a crash leaves is a run without gaps; and only below a floor that is durable. */
  async #deleteCovered(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    let deleted = 0;
    while (this.sealed.length > 0 && this.sealed[0]!.lastSeq <= this.floorSeq) {
      const { number } = this.sealed.shift()!;
      fileSystem.unlink(join(directory, segmentName(number)));
      deleted++;
    }
    if (deleted > 0) await fileSystem.syncDirectory(directory);
  }

  #measureDisk(): void {
    try {
      const { pendingBytes } = this.builder;
      this.#room.measure(pendingBytes + this.#options.pace.reservedBytes, this.#segment.writtenOffset);
    } catch (error) {
      // A disk that can't even say how full it is has failed, and not the program.
      this.#fail(error);
      throw this.stopped;
    }
  }

  /**
   * Something threw between the first record of a batch and its COMMIT. The open group is not what it says, so
   * nothing of it may be written: half a batch on the disk would be corruption to the next start.
   */
  abandon(error: unknown): void {
    this.#fail(error);
  }

  #assertSound(): void {
    if (this.stopped instanceof StorageFaultError) throw this.stopped;
  }

  #fail(error: unknown): void {
    if (this.stopped instanceof StorageFaultError) return;
    const fault = new StorageFaultError(this.#options.directory, error);
    this.stopped = fault;
    for (const barrier of this.#barriers.splice(0)) barrier.reject(fault);
    this.#options.listener.faulted(fault);
  }
}
