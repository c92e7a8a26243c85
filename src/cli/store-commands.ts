import { checkStore } from "../offline/check-store.ts";
import { copyStore, type CopyReport } from "../offline/copy-store.ts";
import type { StoreReport } from "../offline/store-report.ts";
import { jsonFlag, type Command, type Operand } from "./command.ts";
import { count } from "./dump-text.ts";
import { exitCode, type ExitCode } from "./exit-codes.ts";
import type { Output } from "./world.ts";

const dataDirectory: Operand = { name: "DIR", about: "the data directory of a server" };

export const checkCommand: Command = {
  name: "check",
  summary: "reads every byte of a store and says whether all is as it was written",
  operands: [{ name: "DIR", about: "the data directory of a server that does not run, or a backup" }],
  flags: { json: jsonFlag },
  details: [
    "Every checksum of log, manifest and tables, the order of keys and versions, and all that one file says of another.",
    "Changes nothing; a server can't start meanwhile, and where one runs this ends with 73. The exit code is 0 if all is",
    "well, 3 if a crash left something half written, which the next start mends, and 1 for damage, of which every place",
    "is named.",
  ].join("\n"),
  examples: ["holdfast check ./data", "holdfast check --json ./backups/monday"],

  async run(given, { fileSystem, output }) {
    const report = checkStore(fileSystem, given.operand("DIR"));
    const verdict = verdictOf(report);
    const lines = given.has("json") ? [JSON.stringify({ verdict, ...report })] : reportLines(report);
    await output.write(`${lines.join("\n")}\n`);
    return verdictCodes[verdict];
  },
};

export const backupCommand: Command = {
  name: "backup",
  summary: "copies a store as it is at one moment, also while a server writes to it",
  operands: [dataDirectory, { name: "TO", about: "a new directory, which gets the copy" }],
  flags: {
    json: jsonFlag,
    copy: { about: "copy the tables too, instead of giving them a second name where that is possible" },
  },
  details: [
    "The copy has everything that was acknowledged before the command began. It is read again and checked before it gets",
    "its name; until then it is TO.unfinished. Tables, which never change, are linked if TO is on the same file system:",
    "that takes no room and no time, but damage to the one is damage to the other. Use --copy, or another disk, to have",
    "bytes of its own.",
  ].join("\n"),
  examples: ["holdfast backup ./data ./backups/monday", "holdfast backup --copy ./data /mnt/other/monday"],

  async run(given, { fileSystem, output }) {
    const to = given.operand("TO");
    const linksTables = !given.has("copy");
    const report = await copyStore(fileSystem, given.operand("DIR"), to, { linksTables });
    await printCopy(report, to, given.has("json"), output);
    return exitCode.ok;
  },
};

export const restoreCommand: Command = {
  name: "restore",
  summary: "makes a data directory from a backup",
  operands: [
    { name: "BACKUP", about: "what holdfast backup made" },
    { name: "DIR", about: "a new data directory" },
  ],
  flags: { json: jsonFlag },
  details: [
    "All of it is copied, read again and checked before DIR gets its name. The store keeps its identity, so serve the",
    "original or what was restored, and not both to the same clients.",
  ].join("\n"),
  examples: ["holdfast restore ./backups/monday ./data"],

  async run(given, { fileSystem, output }) {
    const to = given.operand("DIR");
    const report = await copyStore(fileSystem, given.operand("BACKUP"), to, { linksTables: false });
    await printCopy(report, to, given.has("json"), output);
    return exitCode.ok;
  },
};

type Verdict = "clean" | "torn" | "corrupt";

function verdictOf({ findings }: StoreReport): Verdict {
  if (findings.length === 0) return "clean";
  return findings.some(({ kind }) => kind === "corrupt") ? "corrupt" : "torn";
}

const verdictCodes: Readonly<Record<Verdict, ExitCode>> = {
  clean: exitCode.ok,
  torn: exitCode.torn,
  corrupt: exitCode.no,
};

/** The verdict, or each finding; what a crash or a repair left; and how much there is. */
function reportLines(report: StoreReport): string[] {
  const { findings, notes, entries, tables, coveredSeq, lastSeq, segments, bytes, directory } = report;
  const lines = findings.map(({ kind, file, offset, problem }) => {
    return `${kind} at ${file}:${offset}: ${problem}${kind === "torn" ? "; the next start mends it" : ""}`;
  });
  if (lines.length === 0) lines.push("clean");
  for (const { file, text } of notes) lines.push(`file ${file}  ${text}`);
  lines.push(
    `${count(entries, "entry")} in ${count(tables, "table")} up to seq ${coveredSeq}, ` +
      `the log up to seq ${lastSeq} in ${count(segments, "segment")}, ${count(bytes, "byte")} of ${directory}`,
  );
  return lines;
}

async function printCopy(report: CopyReport, to: string, isJson: boolean, output: Output): Promise<void> {
  const { tablesLinked, tablesCopied, bytesCopied, check } = report;
  const line =
    `${to}  everything up to seq ${check.lastSeq}, checked; ${count(tablesLinked, "table")} linked, ` +
    `${tablesCopied} copied, ${count(bytesCopied, "byte")} written`;
  await output.write(`${isJson ? JSON.stringify(report) : line}\n`);
}
