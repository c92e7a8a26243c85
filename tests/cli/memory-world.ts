import { LimitError } from "../../src/lib/errors.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { runCommandLine } from "../../src/cli/run.ts";
import type { EndSignal, Output, World } from "../../src/cli/world.ts";

export interface MemoryWorldOptions {
  readonly environment?: Record<string, string>;
  readonly fileSystem?: FileSystem;
  readonly clock?: Clock;
  readonly input?: Uint8Array | string;
  /** Whether the outputs are terminals, of 40 columns. Default: pipes. */
  readonly isTerminal?: boolean;
}

/** A machine for one command line, with all that comes out of it. */
export class MemoryWorld implements World {
  readonly environment: Record<string, string>;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly output: MemoryOutput;
  readonly errors: MemoryOutput;
  readonly exits: number[] = [];
  readonly #input: Uint8Array;
  readonly #listeners: ((signal: EndSignal) => void)[] = [];

  constructor(options: MemoryWorldOptions = {}) {
    this.environment = options.environment ?? {};
    this.fileSystem = options.fileSystem ?? new MemoryFileSystem();
    this.clock = options.clock ?? systemClock;
    this.output = new MemoryOutput(options.isTerminal ?? false);
    this.errors = new MemoryOutput(options.isTerminal ?? false);
    this.#input = Buffer.from(options.input ?? "");
  }

  readonly readInput = async (bytesMax: number): Promise<Uint8Array> => {
    if (this.#input.length > bytesMax) throw new LimitError("Cannot read", this.#input.length, bytesMax);
    return this.#input;
  };

  readonly onEndSignal = (listener: (signal: EndSignal) => void): void => {
    this.#listeners.push(listener);
  };

  readonly exitNow = (code: number): void => {
    this.exits.push(code);
  };

  signal(signal: EndSignal): void {
    for (const listener of this.#listeners) listener(signal);
  }
}

export class MemoryOutput implements Output {
  readonly isTerminal: boolean;
  readonly columns = 40;
  /** What each write is answered with instead of being taken. */
  failure: Error | undefined;
  readonly #chunks: Uint8Array[] = [];

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  async write(content: string | Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.#chunks.push(Buffer.from(content));
  }

  async flush(): Promise<void> {}

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs one command line to its end, inside this process. */
export async function run(words: readonly string[], options: MemoryWorldOptions = {}): Promise<Ended> {
  const world = new MemoryWorld(options);
  const code = await runCommandLine(words, world);
  return { code, output: world.output.text, errors: world.errors.text };
}
