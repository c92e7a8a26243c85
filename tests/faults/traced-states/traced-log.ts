import { basename } from "node:path";
import { readFile } from "../../../src/vfs/file-system.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { recordType } from "../../../src/wal/format.ts";
import { RecordCursor } from "../../../src/wal/record.ts";
import { surveyLog } from "../../../src/wal/survey.ts";
import { StoreModel } from "../../engine/store-model.ts";
import type { FileEffect } from "./file-effect.ts";

export interface LoggedOperation {
  readonly key: string;
  readonly value?: string;
}

/** Every write that was ever handed to the log, by its version, read from the bytes of the log itself. */
export class TracedLog {
  /** Nothing above it was ever handed to the system. */
  submittedSeq = 0;
  #writes = new Map<number, LoggedOperation[]>();

  get writes(): ReadonlyMap<number, readonly LoggedOperation[]> {
    return this.#writes;
  }

  /** A write begins; `disk` is as it will be after it. */
  sees(effect: FileEffect, disk: MemoryFileSystem): void {
    if (effect.kind !== "write" || !/^\/data\/wal\/\d+\.wal(\.tmp)?$/.test(effect.path)) return;
    this.#readFile(disk, effect.path);
  }

  /** What a crash took; the numbers are free again. */
  goBackTo(seq: number): void {
    for (const version of this.#writes.keys()) if (version > seq) this.#writes.delete(version);
    this.submittedSeq = Math.min(this.submittedSeq, seq);
  }

  /** A model of all that it holds now. */
  model(): StoreModel {
    const model = new StoreModel();
    for (const [version, operations] of this.#writes) model.apply(version, operations);
    return model;
  }

  copy(): TracedLog {
    const copy = new TracedLog();
    copy.submittedSeq = this.submittedSeq;
    copy.#writes = new Map(this.#writes);
    return copy;
  }

  /** Reads one segment, as a log of its own: one that has not got its name yet, too. */
  #readFile(disk: MemoryFileSystem, path: string): void {
    const alone = disk.crash({ unsynced: "kept" });
    alone.makeDirectory("/alone");
    const file = alone.create(`/alone/${basename(path, ".tmp")}`);
    file.write(readFile(disk, path), 0);
    const cursor = new RecordCursor();
    const added = new Map<number, LoggedOperation[]>();
    let lastSeq = this.submittedSeq;
    const group = (bytes: Buffer, { firstSeq }: { firstSeq: number }, start: number, end: number) => {
      cursor.open(bytes, start, end, firstSeq);
      while (cursor.next()) {
        if (cursor.seq <= this.submittedSeq) continue;
        lastSeq = cursor.seq;
        if (cursor.type !== recordType.put && cursor.type !== recordType.delete) continue;
        const key = bytes.toString("latin1", cursor.keyStart, cursor.keyEnd);
        const value = bytes.toString("latin1", cursor.valueStart, cursor.valueEnd);
        const operation = cursor.type === recordType.put ? { key, value } : { key };
        added.set(cursor.commitSeq, [...(added.get(cursor.commitSeq) ?? []), operation]);
      }
    };
    surveyLog(alone, "/alone", { visitor: { group } });
    for (const [version, operations] of added) this.#writes.set(version, operations);
    this.submittedSeq = lastSeq;
  }
}
