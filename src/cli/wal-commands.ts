import { dumpLog, verifyLog, type LogReport } from "../wal/inspect.ts";
import { hexFlag, jsonFlag, type Command, type Operand } from "./command.ts";
import { dumpLine, dumpObject, reportLines, reportObject, verdictLine } from "./dump-lines.ts";
import { exitCode, type ExitCode } from "./exit-codes.ts";

const directory: Operand = {
  name: "DIR",
  about: "the data directory of a server, or the directory of a log",
};

const readsOnly = [
  "Reads only, also while a server is running. The exit code is 0 for a clean log, 3 for one with a torn tail (a crash",
  "left it, the next start repairs it, and nothing that was acknowledged is lost), and 1 for a corrupt one.",
].join("\n");

export const walVerifyCommand: Command = {
  name: "wal verify",
  summary: "says whether a log is clean, has a torn tail, or is corrupt, and where",
  operands: [directory],
  flags: { json: jsonFlag },
  details: readsOnly,
  examples: ["holdfast wal verify ./data"],

  async run(given, { fileSystem, output }) {
    const report = verifyLog(fileSystem, given.operand("DIR"));
    const lines = given.has("json")
      ? [JSON.stringify(reportObject(report))]
      : [verdictLine(report), ...reportLines(report)];
    await output.write(`${lines.join("\n")}\n`);
    return codeOf(report);
  },
};

export const walDumpCommand: Command = {
  name: "wal dump",
  summary: "prints the segments, groups and records of a log",
  operands: [directory],
  flags: { json: jsonFlag, hex: { ...hexFlag, about: "show keys and values in hexadecimal" } },
  details: [
    "Every segment, group and record with its offset, sequence numbers, sizes and checksums, keys and values by their",
    "beginning, and what is left behind damage. The last lines are those of wal verify.",
    readsOnly,
  ].join("\n"),
  examples: ["holdfast wal dump ./data | less -S", "holdfast wal dump --json ./data"],

  async run(given, { fileSystem, output }) {
    const isJson = given.has("json");
    const isHex = given.has("hex");
    const entries = dumpLog(fileSystem, given.operand("DIR"));
    let entry = entries.next();
    for (; !entry.done; entry = entries.next()) {
      const line = isJson ? JSON.stringify(dumpObject(entry.value, isHex)) : dumpLine(entry.value, isHex);
      await output.write(`${line}\n`);
    }
    const report = entry.value;
    const lines = isJson
      ? [JSON.stringify(reportObject(report))]
      : [verdictLine(report), ...reportLines(report)];
    await output.write(`${lines.join("\n")}\n`);
    return codeOf(report);
  },
};

function codeOf({ verdict }: LogReport): ExitCode {
  if (verdict.kind === "clean") return exitCode.ok;
  return verdict.kind === "torn" ? exitCode.torn : exitCode.no;
}
