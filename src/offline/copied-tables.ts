import { join } from "node:path";
import type { TableEntry } from "../manifest/manifest-state.ts";
import { TableCorruptionError } from "../table/errors.ts";
import { tableName } from "../table/table-format.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { copyFile } from "./copy-file.ts";
import { isSystemError } from "./store-report.ts";

/**
 * The tables of a store in another directory. Tables never change and numbers are never used again, so what was
 * brought over once need not be brought again, however often the store moves on meanwhile.
 */
export class CopiedTables {
  bytesCopied = 0;
  readonly #fileSystem: FileSystem;
  readonly #from: string;
  readonly #to: string;
  readonly #present = new Map<number, "linked" | "copied">();
  #mayLink: boolean;

  constructor(fileSystem: FileSystem, from: string, to: string, links: boolean) {
    this.#fileSystem = fileSystem;
    this.#from = from;
    this.#to = to;
    this.#mayLink = links;
  }

  get tablesLinked(): number {
    return [...this.#present.values()].filter((how) => how === "linked").length;
  }

  get tablesCopied(): number {
    return this.#present.size - this.tablesLinked;
  }

  /** Resolves when these, and no others, are there; rejects with TableCorruptionError if one of them is missing. */
  async complete(tables: readonly TableEntry[]): Promise<void> {
    const wanted = new Set(tables.map(({ number }) => number));
    for (const number of [...this.#present.keys()].filter((each) => !wanted.has(each))) {
      this.#fileSystem.unlink(join(this.#to, tableName(number)));
      this.#present.delete(number);
    }
    for (const { number } of tables) {
      if (!this.#present.has(number)) this.#present.set(number, await this.#bring(tableName(number)));
    }
  }

  async #bring(name: string): Promise<"linked" | "copied"> {
    const [from, to] = [join(this.#from, name), join(this.#to, name)];
    try {
      this.#mayLink &&= this.#link(from, to);
      if (this.#mayLink) return "linked";
      this.bytesCopied += await copyFile(this.#fileSystem, from, to);
      return "copied";
    } catch (error) {
      if (this.#fileSystem.exists(from)) throw error;
      // Either a compaction has deleted it since the manifest was read, or it is lost.
      throw new TableCorruptionError(from, 0, "the file is missing", { cause: error });
    }
  }

  /** False: this file system can't give a file two names, or not across these two places. */
  #link(from: string, to: string): boolean {
    try {
      this.#fileSystem.link(from, to);
      return true;
    } catch (error) {
      if (isSystemError(error) && cannotLink.has(error.code)) return false;
      throw error;
    }
  }
}

const cannotLink: ReadonlySet<string> = new Set([
  "EXDEV",
  "EPERM",
  "EACCES",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);
