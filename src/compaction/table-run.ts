import { join } from "node:path";
import { tableName } from "../table/table-format.ts";
import { TableStream } from "../table/table-stream.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import type { InputTable, MergeJob } from "./job.ts";

/** Tables that follow each other without overlap, read as one. Each is opened when the one before it has ended. */
export class TableRun {
  /** At the entry where the run stands; undefined behind its last one. */
  stream: TableStream | undefined;
  bytesRead = 0;
  readonly #fileSystem: FileSystem;
  readonly #job: MergeJob;
  readonly #tables: readonly InputTable[];
  #opened = 0;

  /** Stands before the first entry: `next` goes to it. */
  constructor(fileSystem: FileSystem, job: MergeJob, tables: readonly InputTable[]) {
    this.#fileSystem = fileSystem;
    this.#job = job;
    this.#tables = tables;
  }

  next(): void {
    if (this.stream?.next() === true) return;
    this.close();
    while (this.#opened < this.#tables.length) {
      this.stream = this.#open(this.#tables[this.#opened++]!);
      if (this.stream.next()) return;
      this.close();
    }
  }

  close(): void {
    this.stream?.close();
    this.stream = undefined;
  }

  #open({ number }: InputTable): TableStream {
    const { directory, storeId, hashSeed } = this.#job;
    const path = join(directory, tableName(number));
    const stream = new TableStream(this.#fileSystem, path, { storeId, number, hashSeed });
    this.bytesRead += stream.summary.bytes;
    return stream;
  }
}
