import type { Entry, KeyEntry } from "../../client/client.ts";
import { parseCount } from "./arguments.ts";
import { bytesOfArgument, escapeBytes, hexOf, jsonField } from "./bytes-text.ts";
import { hexFlag, jsonFlag, type Command } from "./command.ts";
import { urlFlag, withDatabase } from "./database.ts";
import { exitCode } from "./exit-codes.ts";

export const scanCommand: Command = {
  name: "scan",
  summary: "prints entries in the order of their keys",
  operands: [],
  flags: {
    url: urlFlag,
    json: jsonFlag,
    hex: hexFlag,
    prefix: { about: "only keys that begin with this", value: "PREFIX" },
    start: { about: "from this key on, inclusive", value: "KEY" },
    end: { about: "up to this key, exclusive", value: "KEY" },
    reverse: { about: "from the end towards the start" },
    limit: { about: "at most so many entries", value: "N", default: "all" },
    "keys-only": { about: "leave out the values" },
  },
  details: [
    "One line an entry: the key, a tab, the value. A backslash becomes \\\\, line breaks and tabs \\n, \\r and \\t, and",
    "every byte that is no printable text \\xHH. A terminal gets long values cut to its width. --json has the",
    "version too, and names a field valueHex instead of value where the value is no text.",
  ].join("\n"),
  examples: ["holdfast scan --prefix users/", "holdfast scan --json --reverse --limit 10"],

  async run(given, world) {
    const isHex = given.has("hex");
    const bound = (flag: string) => given.read(flag, (text) => bytesOfArgument(flag, text, isHex));
    const options = {
      prefix: bound("prefix"),
      start: bound("start"),
      end: bound("end"),
      reverse: given.has("reverse"),
      limit: given.read("limit", parseCount),
    };
    const isJson = given.has("json");
    const keysOnly = given.has("keys-only");
    const { output } = world;
    const print = async (line: string) => {
      const text = output.isTerminal ? cut(line.replace("\t", "  "), output.columns) : line;
      await output.write(`${text}\n`);
    };
    await withDatabase(given, world, async (database) => {
      if (keysOnly) {
        for await (const entry of database.scan({ ...options, keysOnly })) {
          await print(isJson ? JSON.stringify(keyFields(entry, isHex)) : bytesText(entry.key, isHex));
        }
      } else {
        for await (const entry of database.scan(options))
          await print(isJson ? jsonLine(entry, isHex) : textLine(entry, isHex));
      }
    });
    return exitCode.ok;
  },
};

type BytesEntry = Entry<Uint8Array, "bytes">;

function jsonLine(entry: BytesEntry, isHex: boolean): string {
  return JSON.stringify({ ...keyFields(entry, isHex), ...jsonField("value", entry.value, isHex) });
}

function keyFields({ key, version }: KeyEntry<"bytes">, isHex: boolean): object {
  return { ...jsonField("key", key, isHex), version };
}

function textLine({ key, value }: BytesEntry, isHex: boolean): string {
  return `${bytesText(key, isHex)}\t${bytesText(value, isHex)}`;
}

function bytesText(bytes: Uint8Array, isHex: boolean): string {
  return isHex ? hexOf(bytes) : escapeBytes(bytes);
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(1, columns - 1))}…`;
}
