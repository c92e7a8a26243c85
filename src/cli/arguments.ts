import { HoldfastError } from "../lib/errors.ts";
import { UsageError } from "./usage-error.ts";

/** What a command was given: its operands, and its flags with what the environment says of them. */
export class Arguments {
  readonly #operands: ReadonlyMap<string, string>;
  readonly #settings: ReadonlyMap<string, Setting>;

  constructor(operands: ReadonlyMap<string, string>, settings: ReadonlyMap<string, Setting>) {
    this.#operands = operands;
    this.#settings = settings;
  }

  operand(name: string): string {
    return this.#operands.get(name)!;
  }

  /** Whether a flag without a value is there. */
  has(flag: string): boolean {
    return this.read(flag, parseSwitch) ?? false;
  }

  text(flag: string): string | undefined {
    return this.#settings.get(flag)?.text;
  }

  /** The value of a flag as `parse` understands it. What it throws is told with where the value came from. */
  read<T>(flag: string, parse: (text: string) => T): T | undefined {
    const setting = this.#settings.get(flag);
    if (setting === undefined) return undefined;
    try {
      return parse(setting.text);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw new UsageError(`${error.message} (from ${setting.origin})`, { cause: error });
    }
  }
}

/** A value and where it came from: "--sync", or "HOLDFAST_SYNC in the environment". */
export interface Setting {
  readonly text: string;
  readonly origin: string;
}

function parseSwitch(text: string): boolean {
  if (["1", "true", "yes", "on"].includes(text)) return true;
  if (["0", "false", "no", "off"].includes(text)) return false;
  throw new UsageError(`Cannot use ${JSON.stringify(text)}: it must be 1 or 0`);
}

/** A whole number that is not negative. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`Cannot use ${JSON.stringify(text)}: it must be a whole number, 0 or more`);
}
