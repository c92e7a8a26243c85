import manifest from "../../package.json" with { type: "json" };
import { HoldfastError } from "../lib/errors.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { exitCode, exitCodeOf, type ExitCode } from "./exit-codes.ts";
import { helpOfAll, helpOfCommand, listOf } from "./help.ts";
import { parseArguments } from "./parse-arguments.ts";
import { didYouMean } from "./suggest.ts";
import { UsageError } from "./usage-error.ts";
import type { World } from "./world.ts";

/** Runs one command line, without the program's name, and returns the code to exit with. Never throws. */
export async function runCommandLine(words: readonly string[], world: World): Promise<ExitCode> {
  let command: Command | undefined;
  try {
    const [first, ...rest] = words;
    let code: ExitCode = exitCode.ok;
    if (first === "--version" || first === "-v") {
      await world.output.write(`holdfast ${manifest.version}\n`);
    } else if (first === "--help" || first === "-h") {
      await world.output.write(helpOfAll(commands));
    } else if (first === "help") {
      await world.output.write(helpOn(rest));
    } else if (isHelpOnGroup(words)) {
      await world.output.write(helpOn([words[0]!]));
    } else {
      command = findCommand(words);
      const given = parseArguments(command, words.slice(wordsOf(command).length), world.environment);
      if (given === undefined) await world.output.write(helpOfCommand(command));
      else code = await command.run(given, world);
    }
    await world.output.flush();
    return code;
  } catch (error) {
    const code = exitCodeOf(error);
    // Whoever closed the pipe knows; `holdfast scan | head` is no failure to tell anybody about.
    if (code !== exitCode.pipeClosed) await complain(error, code, command, world);
    return code;
  }
}

async function complain(
  error: unknown,
  code: ExitCode,
  command: Command | undefined,
  world: World,
): Promise<void> {
  let text = `holdfast: ${error instanceof Error ? error.message : String(error)}\n`;
  if (code === exitCode.usage) {
    const example = command?.examples[0] ?? "holdfast serve --data ./data";
    text += `Example: ${example}\nHelp: holdfast ${command === undefined ? "" : `${command.name} `}--help\n`;
  } else if (code === exitCode.bug && !(error instanceof HoldfastError)) {
    text += `${error instanceof Error ? error.stack : ""}\nThis is a bug of Holdfast.\n`;
  }
  try {
    // What was printed before the failure is part of the story.
    await world.output.flush();
  } catch {
    // It may be the failure.
  }
  try {
    await world.errors.write(text);
    await world.errors.flush();
  } catch {
    // Nobody is left to be told.
  }
}

function wordsOf(command: Command): readonly string[] {
  return command.name.split(" ");
}

function findCommand(words: readonly string[]): Command {
  const typed = words[0];
  if (typed === undefined) {
    throw new UsageError(`Cannot tell what to do: the command is missing; there are\n${listOf(commands)}`);
  }
  const found = commands.find((command) => wordsOf(command).every((word, index) => word === words[index]));
  if (found !== undefined) return found;
  if (typed.startsWith("-")) {
    throw new UsageError(`Cannot use ${typed} here: the command comes first, and its flags behind it`);
  }
  const group = membersOf(typed);
  if (group.length > 0) {
    const members = group.map((command) => wordsOf(command)[1]!);
    const second = words[1];
    const state = second === undefined ? "a word is missing" : `there is no "${typed} ${second}"`;
    const meant = second === undefined ? "" : didYouMean(second, members, `${typed} `);
    throw new UsageError(`Cannot ${typed}: ${state}${meant}\n${listOf(group)}`);
  }
  const names = commands.map((command) => command.name);
  throw new UsageError(
    `Cannot run "${typed}": there is no such command${didYouMean(typed, names)}\n${listOf(commands)}`,
  );
}

/** "wal --help". */
function isHelpOnGroup([group, flag]: readonly string[]): boolean {
  return (flag === "--help" || flag === "-h") && membersOf(group!).length > 0;
}

function membersOf(group: string): readonly Command[] {
  return commands.filter((command) => command.name.startsWith(`${group} `));
}

/** "help", "help get", "help wal", "help wal dump". */
function helpOn(words: readonly string[]): string {
  if (words.length === 0) return helpOfAll(commands);
  const topic = words.join(" ");
  const exact = commands.find((command) => command.name === topic);
  if (exact !== undefined) return helpOfCommand(exact);
  const group = membersOf(topic);
  if (group.length > 0) return group.map(helpOfCommand).join("\n");
  return helpOfCommand(findCommand(words));
}
