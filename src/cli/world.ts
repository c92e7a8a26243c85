import type { Clock } from "../lib/clock.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import type { ExitCode } from "./exit-codes.ts";

/** All that a command touches of the machine, so that tests can be the machine. */
export interface World {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly output: Output;
  readonly errors: Output;
  /** Standard input to its end; throws a LimitError if it is longer than `bytesMax`. */
  readInput(bytesMax: number): Promise<Uint8Array>;
  /** Calls `listener` at each signal that asks the process to end, which then does not end by itself. */
  onEndSignal(listener: (signal: EndSignal) => void): void;
  /** Ends the process on the spot. */
  exitNow(code: ExitCode): void;
}

export type EndSignal = "SIGINT" | "SIGTERM";

/** Where text and bytes go. Writes are gathered; `flush` resolves when all of them were taken. */
export interface Output {
  readonly isTerminal: boolean;
  /** Characters of a line on the terminal. */
  readonly columns: number;
  /** Resolves when more may come. A closed pipe, or a full disk, rejects with the system's error. */
  write(content: string | Uint8Array): Promise<void>;
  flush(): Promise<void>;
}
