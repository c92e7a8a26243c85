import { LimitError } from "../lib/errors.ts";
import { valueBytesMax } from "../lib/limits.ts";
import { parseCount, type Arguments } from "./arguments.ts";
import { bytesOfArgument, hexOf, jsonField, readableText } from "./bytes-text.ts";
import { hexFlag, jsonFlag, type Command, type Flag, type Operand } from "./command.ts";
import { urlFlag, withDatabase } from "./database.ts";
import { exitCode } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";
import type { World } from "./world.ts";

const keyOperand: Operand = { name: "KEY", about: "the key; as text, it stands for its UTF-8" };

const ifVersionFlag: Flag = {
  about: "only if the entry has this version; 0: only if there is none",
  value: "N",
};

export const getCommand: Command = {
  name: "get",
  summary: "prints the value of a key",
  operands: [keyOperand],
  flags: { url: urlFlag, json: jsonFlag, hex: hexFlag },
  details: [
    "A pipe or a file gets the value's bytes and nothing else. A terminal gets them as readable text, and a line's",
    "end behind it. If there is no such key, nothing is printed and the exit code is 1.",
  ].join("\n"),
  examples: ["holdfast get users/1", "holdfast get photo > photo.jpg", "holdfast get --hex 00ff"],

  async run(given, world) {
    const key = keyOf(given);
    const entry = await withDatabase(given, world, (database) => database.getEntry(key));
    if (entry === undefined) return exitCode.no;
    const { value, version } = entry;
    const { output } = world;
    if (given.has("json")) {
      const line = { ...keyField(given), version, ...jsonField("value", value, given.has("hex")) };
      await output.write(`${JSON.stringify(line)}\n`);
    } else if (given.has("hex")) {
      await output.write(`${hexOf(value)}\n`);
    } else {
      await output.write(output.isTerminal ? `${readableText(value)}\n` : value);
    }
    return exitCode.ok;
  },
};

export const putCommand: Command = {
  name: "put",
  summary: "stores a value under a key",
  operands: [keyOperand, { name: "VALUE", about: "the value; - reads it from standard input" }],
  flags: {
    url: urlFlag,
    json: jsonFlag,
    hex: hexFlag,
    "if-version": ifVersionFlag,
    "if-absent": { about: "only if there is no such entry: the same as --if-version 0" },
  },
  details: "Prints the version that the entry has now, once it is durable.",
  examples: [
    "holdfast put users/1 Ada",
    "holdfast put photo - < photo.jpg",
    "holdfast put --if-version 7 users/1 Grace",
    "holdfast put --hex 00ff 68656c6c6f",
  ],

  async run(given, world) {
    const ifVersion = given.read("if-version", parseCount);
    if (ifVersion !== undefined && given.has("if-absent")) {
      throw new UsageError("Cannot use --if-version together with --if-absent: choose one");
    }
    const condition = given.has("if-absent") ? 0 : ifVersion;
    const key = keyOf(given);
    const value = await valueOf(given, world);
    const { version } = await withDatabase(given, world, (database) =>
      database.put(key, value, condition === undefined ? {} : { ifVersion: condition }),
    );
    await printVersion(version, given, world);
    return exitCode.ok;
  },
};

export const deleteCommand: Command = {
  name: "delete",
  summary: "deletes a key",
  operands: [keyOperand],
  flags: { url: urlFlag, json: jsonFlag, hex: hexFlag, "if-version": ifVersionFlag },
  details: "Prints the version of the deletion, once it is durable. The key need not exist.",
  examples: ["holdfast delete users/1", "holdfast delete --if-version 7 users/1"],

  async run(given, world) {
    const ifVersion = given.read("if-version", parseCount);
    const key = keyOf(given);
    const { version } = await withDatabase(given, world, (database) =>
      database.delete(key, ifVersion === undefined ? {} : { ifVersion }),
    );
    await printVersion(version, given, world);
    return exitCode.ok;
  },
};

/** Text stays text, so that messages can show it. */
function keyOf(given: Arguments): string | Uint8Array {
  const text = given.operand("KEY");
  return given.has("hex") ? bytesOfArgument("key", text, true) : text;
}

function keyField(given: Arguments): Record<string, string> {
  const isHex = given.has("hex");
  return jsonField("key", bytesOfArgument("key", given.operand("KEY"), isHex), isHex);
}

async function valueOf(given: Arguments, world: World): Promise<Uint8Array> {
  const text = given.operand("VALUE");
  const isHex = given.has("hex");
  if (text !== "-") return bytesOfArgument("value", text, isHex);
  // Twice as long in hexadecimal, and as much again for line breaks.
  const bytes = await world.readInput(isHex ? 4 * valueBytesMax : valueBytesMax);
  const value = isHex ? bytesOfArgument("value", Buffer.from(bytes).toString("latin1"), true) : bytes;
  if (value.length <= valueBytesMax) return value;
  throw new LimitError("Cannot put: bytes of the value", value.length, valueBytesMax);
}

/** A program that reads it gets the number alone. */
async function printVersion(version: number, given: Arguments, world: World): Promise<void> {
  const { output } = world;
  if (given.has("json")) {
    await output.write(`${JSON.stringify({ ...keyField(given), version })}\n`);
  } else {
    await output.write(output.isTerminal ? `version ${version}\n` : `${version}\n`);
  }
}
