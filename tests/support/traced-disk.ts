import { dirname } from "node:path";
import { groupHeaderBytes, segmentHeaderBytes } from "../../src/wal/format.ts";
import { decodeGroupHeader, saltSeed } from "../../src/wal/group-header.ts";
import { decodeSegmentHeader } from "../../src/wal/segment-header.ts";
import { descriptorOf, lastNumberOf, stringsOf, type SystemCall } from "./trace.ts";
import { whyKept, type DurableFile, type DurableFiles } from "./traced-pruning.ts";

/**
 * What a disk is bound to hold after a power cut, worked out from the system calls alone, by the letter of POSIX:
 *
 *  - bytes are durable once an fsync or fdatasync of their file that *began after* their write had returned has
 *    itself returned 0;
 *  - a name is durable once an fsync of its directory that began after the create or the rename returned 0, and
 *    likewise for the directories above that were created meanwhile;
 *  - bytes whose sync failed are not there at all, until they are written again.
 *
 * What must not be renamed yet, or deleted, is a violation here; what must not be answered yet is known by `durableSeq`.
 */
export class TracedDisk implements DurableFiles {
  readonly violations: { readonly line: number; readonly detail: string }[] = [];
  /** Every record up to this seq is durable. */
  durableSeq = 0;
  readonly #files = new Map<string, TracedFile>();
  /** Directories and files whose names may still be forgotten. */
  readonly #volatileNames = new Set<string>();
  readonly #syncs = new Map<SystemCall, { path: string; writtenBytes: number; names: string[] }>();

  file(path: string): DurableFile | undefined {
    return this.#files.get(path);
  }

  durablePaths(directory: string): string[] {
    return [...this.#files.keys()].filter((path) => dirname(path) === directory && this.#isNameDurable(path));
  }

  begin(call: SystemCall): void {
    if (call.name !== "fsync" && call.name !== "fdatasync") return;
    const path = descriptorOf(call);
    const names = [...this.#volatileNames].filter((name) => dirname(name) === path);
    this.#syncs.set(call, { path, writtenBytes: this.#files.get(path)?.writtenBytes ?? 0, names });
  }

  end(call: SystemCall): void {
    if (call.error !== undefined) {
      if (this.#syncs.has(call)) this.#files.get(this.#syncs.get(call)!.path)?.forgetUnsynced();
      return;
    }
    const strings = () => stringsOf(call).map(String);
    switch (call.name) {
      case "openat": {
        const path = strings()[0]!;
        if (call.argumentText.includes("O_CREAT") && !this.#files.has(path)) this.#create(path);
        return;
      }
      case "mkdir":
        this.#volatileNames.add(strings()[0]!);
        return;
      case "rename": {
        const [from, to] = strings() as [string, string];
        this.#rename(call, from, to);
        return;
      }
      case "unlink":
        this.#unlink(call, strings()[0]!);
        return;
      case "pwrite64":
        this.#files
          .get(descriptorOf(call))
          ?.write(lastNumberOf(call), stringsOf(call)[0]!.subarray(0, call.result));
        return;
      case "ftruncate":
        this.#files.get(descriptorOf(call))?.truncate(lastNumberOf(call));
        return;
      case "fsync":
      case "fdatasync":
        this.#synced(call);
        return;
    }
  }

  #create(path: string): void {
    this.#files.set(path, new TracedFile());
    this.#volatileNames.add(path);
  }

  /** What takes another file's place must be whole before it does. */
  #rename(call: SystemCall, from: string, to: string): void {
    const file = this.#files.get(from);
    if (file === undefined) return;
    if (file.durableBytes < file.writtenBytes) {
      this.violations.push({
        line: call.begin,
        detail: `${from} is renamed to ${to} before its bytes were synced`,
      });
    }
    this.#files.delete(from);
    this.#files.set(to, file);
    this.#volatileNames.delete(from);
    this.#volatileNames.add(to);
  }

  #unlink(call: SystemCall, path: string): void {
    const reason = whyKept(this, path);
    if (reason !== undefined)
      this.violations.push({ line: call.begin, detail: `${path} is deleted: ${reason}` });
    this.#files.delete(path);
    this.#volatileNames.delete(path);
  }

  #synced(call: SystemCall): void {
    const { path, writtenBytes, names } = this.#syncs.get(call)!;
    for (const name of names) this.#volatileNames.delete(name);
    const file = this.#files.get(path);
    if (file !== undefined)
      file.durableBytes = Math.max(file.durableBytes, Math.min(writtenBytes, file.writtenBytes));
    for (const segment of [...this.#files.keys()].filter((name) => name.endsWith(".wal")).sort()) {
      if (this.#isNameDurable(segment)) this.#advance(this.#files.get(segment)!);
    }
  }

  #isNameDurable(path: string): boolean {
    for (let name = path; name !== dirname(name); name = dirname(name)) {
      if (this.#volatileNames.has(name)) return false;
    }
    return true;
  }

  #advance(file: TracedFile): void {
    for (const { end, firstSeq, lastSeq } of file.groups()) {
      if (end <= file.durableBytes && firstSeq <= this.durableSeq + 1) {
        this.durableSeq = Math.max(this.durableSeq, lastSeq);
      }
    }
  }
}

/** Bytes written from the front without a gap, and how many of them are durable. */
class TracedFile implements DurableFile {
  durableBytes = 0;
  writtenBytes = 0;
  #content: Buffer = Buffer.alloc(0);

  get durableContent(): Buffer {
    return this.#content.subarray(0, this.durableBytes);
  }

  get isDurable(): boolean {
    return this.durableBytes === this.#content.length;
  }

  get lastSeq(): number {
    return Math.max(0, ...[...this.groups()].map((group) => group.lastSeq));
  }

  write(offset: number, bytes: Buffer): void {
    const end = offset + bytes.length;
    if (offset > this.writtenBytes)
      throw new Error(`A write at ${offset} leaves a gap behind ${this.writtenBytes}`);
    const grown = Buffer.alloc(Math.max(end, this.#content.length));
    this.#content.copy(grown);
    const isSame = grown.subarray(offset, end).equals(bytes);
    bytes.copy(grown, offset);
    this.#content = grown;
    if (!isSame) this.durableBytes = Math.min(this.durableBytes, offset);
    // What lies behind bytes that were forgotten counts once those are written again.
    if (offset <= this.writtenBytes) this.writtenBytes = Math.max(this.writtenBytes, end);
  }

  /** A sync failed: the kernel calls the bytes clean now, and no later sync of them does anything. */
  forgetUnsynced(): void {
    this.writtenBytes = this.durableBytes;
  }

  truncate(bytes: number): void {
    this.#content = this.#content.subarray(0, bytes);
    this.writtenBytes = Math.min(this.writtenBytes, bytes);
    this.durableBytes = Math.min(this.durableBytes, bytes);
  }

  /** The groups that are written whole. Payloads are believed: this is about order, not about damage. */
  *groups(): Generator<{ end: number; firstSeq: number; lastSeq: number }> {
    const segment = this.#content.subarray(0, this.writtenBytes);
    const decoded = decodeSegmentHeader(segment.subarray(0, segmentHeaderBytes));
    if ("problem" in decoded) return;
    const seed = saltSeed(decoded.header.salt);
    for (let at = segmentHeaderBytes; ;) {
      const group = decodeGroupHeader(segment, at, seed);
      if (group === undefined) return;
      const end = at + groupHeaderBytes + group.payloadBytes;
      if (end > segment.length) return;
      yield { end, firstSeq: group.firstSeq, lastSeq: group.firstSeq + group.recordCount - 1 };
      at = end;
    }
  }
}
