import { parseArgs } from "node:util";
import { Arguments, type Setting } from "./arguments.ts";
import type { Command, Flags } from "./command.ts";
import { didYouMean } from "./suggest.ts";
import { UsageError } from "./usage-error.ts";

/** Reads the words behind a command, and the environment, as its table says. Undefined: help was asked for instead. */
export function parseArguments(
  command: Command,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Arguments | undefined {
  const { flags } = command;
  const given = new Map<string, Setting>();
  const operands: string[] = [];
  // Not strict: its messages know neither what was meant nor what to do.
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      ...Object.fromEntries(
        Object.entries(flags).map(([name, flag]) => [
          name,
          { type: flag.value === undefined ? "boolean" : "string" } as const,
        ]),
      ),
      help: { type: "boolean", short: "h" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help") return undefined;
    given.set(token.name, settingOf(flags, token));
  }
  for (const [name, { environment: variable }] of Object.entries(flags)) {
    // A variable that is there and empty is how many tools write "not set".
    const text = variable === undefined ? undefined : environment[variable];
    if (text && !given.has(name)) given.set(name, { text, origin: `${variable} in the environment` });
  }
  return new Arguments(nameOperands(command, operands), given);
}

interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function settingOf(flags: Flags, { name, rawName, value, inlineValue }: FlagToken): Setting {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (flag === undefined) {
    const meant = didYouMean(name, [...Object.keys(flags), "help"], "--");
    const asOperand = rawName.startsWith("--") ? "" : "; an argument that begins with - goes behind --";
    throw new UsageError(`Cannot use ${rawName}: there is no such flag${meant || asOperand}`);
  }
  if (flag.value === undefined) {
    if (value === undefined) return { text: "true", origin: rawName };
    throw new UsageError(`Cannot use ${rawName}=${value}: ${rawName} takes no value`);
  }
  if (value === undefined || value === "") {
    throw new UsageError(`Cannot use ${rawName}: its value is missing; write ${rawName} ${flag.value}`);
  }
  if (!inlineValue && value.startsWith("-")) {
    throw new UsageError(
      `Cannot use ${rawName} ${value}: that looks like a flag; if it is the value, write ${rawName}=${value}`,
    );
  }
  return { text: value, origin: rawName };
}

function nameOperands(command: Command, words: readonly string[]): ReadonlyMap<string, string> {
  const { name, operands } = command;
  const missing = operands[words.length];
  if (missing !== undefined) {
    throw new UsageError(`Cannot ${name}: ${missing.name} is missing (${missing.about})`);
  }
  const extra = words[operands.length];
  if (extra !== undefined) {
    const expected =
      operands.length === 0 ? "no arguments" : operands.map((operand) => operand.name).join(" ");
    throw new UsageError(`Cannot ${name}: ${JSON.stringify(extra)} is too much; it takes ${expected}`);
  }
  return new Map(operands.map((operand, index) => [operand.name, words[index]!]));
}
