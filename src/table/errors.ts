import { HoldfastError } from "../lib/errors.ts";

/** A table is not what was written: damage, of which silence would bring deleted or older values back. */
export class TableCorruptionError extends HoldfastError {
  readonly file: string;
  /** Where in the file the damage is: of the block, the section or the footer that can't be believed. */
  readonly offset: number;
  /** What is wrong there. */
  readonly problem: string;

  constructor(file: string, offset: number, problem: string, options?: ErrorOptions) {
    super(
      "TABLE_CORRUPT",
      `Cannot read the table ${file} at offset ${offset}: ${problem}; nothing was changed. ` +
        `"holdfast check" on its data directory shows all that is damaged; restore a backup`,
      options,
    );
    this.file = file;
    this.offset = offset;
    this.problem = problem;
  }
}
