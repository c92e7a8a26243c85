import type { Command, Flag } from "./command.ts";
import { exitCode, exitCodeMeanings } from "./exit-codes.ts";

/** What --help prints. */
export function helpOfCommand(command: Command): string {
  const operands = command.operands.map((operand) => ` ${operand.name}`).join("");
  const flags = Object.entries(command.flags).flatMap(([name, flag]) => rowsOfFlag(name, flag));
  flags.push(["--help", "print this"]);
  return paragraphs([
    `holdfast ${command.name}: ${command.summary}`,
    `Usage: holdfast ${command.name} [flags]${operands}`,
    table(command.operands.map((operand) => [operand.name, operand.about])),
    `Flags:\n${table(flags)}`,
    command.details ?? "",
    `Examples:\n${indent(command.examples)}`,
  ]);
}

export function helpOfAll(commands: readonly Command[]): string {
  const codes = Object.entries(exitCodeMeanings).map(([name, meaning]): Row => {
    return [String(exitCode[name as keyof typeof exitCode]), meaning];
  });
  return paragraphs([
    "holdfast: a durable key-value server and its client. An ack means durable.",
    "Usage: holdfast COMMAND [flags] [arguments]",
    `Commands:\n${listOf(commands)}`,
    `Exit codes:\n${table(codes)}`,
    `"holdfast COMMAND --help" tells more about a command, "holdfast --version" the version.`,
  ]);
}

/** Commands with what they do, one a line. */
export function listOf(commands: readonly Command[]): string {
  return table(commands.map((command) => [command.name, command.summary]));
}

type Row = readonly [left: string, right: string];

function rowsOfFlag(name: string, flag: Flag): Row[] {
  const rows: Row[] = [[flag.value === undefined ? `--${name}` : `--${name} ${flag.value}`, flag.about]];
  const origins: string[] = [];
  if (flag.environment !== undefined) origins.push(`environment: ${flag.environment}`);
  if (flag.default !== undefined) origins.push(`default: ${flag.default}`);
  if (origins.length > 0) rows.push(["", origins.join(", ")]);
  return rows;
}

function table(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return indent(rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`));
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}

function paragraphs(texts: readonly string[]): string {
  return `${texts.filter((text) => text !== "").join("\n\n")}\n`;
}
