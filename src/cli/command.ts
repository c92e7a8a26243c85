import type { Arguments } from "./arguments.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { World } from "./world.ts";

/** One command of the command line: all that its parsing, its help and its running need. */
export interface Command {
  /** As it is typed behind "holdfast": "get", "wal dump". */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly flags: Flags;
  /** What its help says beside the flags. */
  readonly details?: string;
  /** The first one is shown with usage errors. */
  readonly examples: readonly string[];
  run(given: Arguments, world: World): Promise<ExitCode>;
}

/** An argument that is known by its place. All of them are required. */
export interface Operand {
  readonly name: string;
  readonly about: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** A flag beats its environment variable, which beats the default. */
export interface Flag {
  readonly about: string;
  /** What stands for its value in the help; a flag without this has none, it is there or not. */
  readonly value?: string;
  readonly environment?: string;
  /** For the help; the code that uses the flag knows it, too. */
  readonly default?: string;
}

export const jsonFlag: Flag = { about: "print JSON, one object a line" };

export const hexFlag: Flag = {
  about: "keys and values are hexadecimal: on the command line, on standard input and in the output",
};
