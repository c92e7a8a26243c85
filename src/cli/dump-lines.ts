import type { DumpEntry, LogReport, RecordEntry } from "../wal/inspect.ts";
import type { GroupHeader } from "../wal/group-header.ts";
import { hexOf, jsonField } from "./bytes-text.ts";
import { count, headText, hex32 } from "./dump-text.ts";

/** How what is in a log is shown: as lines for people, and as objects for programs. */

/** One line, indented by how deep the entry lies: segment, group, record. */
export function dumpLine(entry: DumpEntry, isHex: boolean): string {
  switch (entry.kind) {
    case "segment": {
      const { header, checksum } = entry;
      const { number, lastSeq, bytes, lastChecksum } = header.predecessor;
      const before =
        number === 0
          ? "the first"
          : `after segment ${number} of ${bytes} bytes, last seq ${lastSeq}, last checksum ${hex32(lastChecksum)}`;
      return (
        `segment ${header.number}  ${entry.file}  ${entry.bytes} bytes  first seq ${header.firstSeq}  ` +
        `floor ${header.floorSeq}  store ${hexOf(header.storeId)}  salt ${hexOf(header.salt)}  ` +
        `checksum ${hex32(checksum)}  ${before}`
      );
    }
    case "group":
      return `  ${groupText(entry.group, entry.bytes, entry.checksum)}`;
    case "record":
      return `    ${recordText(entry, isHex)}`;
    case "unreadable":
      return `  @${entry.offset}  ${count(entry.bytes, "byte")} of ${entry.file} can't be used: ${entry.problem}`;
    case "stray": {
      const { group, checksum } = entry;
      return `  behind it: ${groupText(group, group.payloadBytes, checksum)}`;
    }
    case "file":
      return `file ${entry.file}  ${fileRoles[entry.role]}`;
  }
}

export function dumpObject(entry: DumpEntry, isHex: boolean): object {
  switch (entry.kind) {
    case "segment": {
      const { kind, file, bytes, header, checksum } = entry;
      const { number, firstSeq, floorSeq, predecessor } = header;
      const storeId = hexOf(header.storeId);
      const salt = hexOf(header.salt);
      const lastChecksum = hex32(predecessor.lastChecksum);
      return {
        ...{ kind, number, file, bytes, firstSeq, floorSeq, storeId, salt, checksum: hex32(checksum) },
        predecessor: { ...predecessor, lastChecksum },
      };
    }
    case "group":
      return {
        kind: kindOfGroup(entry.group),
        bytes: entry.bytes,
        ...groupFields(entry.group, entry.checksum),
      };
    case "record": {
      const { keyHead, valueHead, session, ...fields } = entry;
      return {
        ...fields,
        ...jsonField("keyHead", keyHead, isHex),
        ...jsonField("valueHead", valueHead, isHex),
        ...(session && { session: { id: hexOf(session.id), requestNumber: session.requestNumber } }),
      };
    }
    case "stray":
      return { kind: "stray", ...groupFields(entry.group, entry.checksum) };
    default:
      return entry;
  }
}

/** The verdict in one line: clean, torn tail at OFFSET of FILE, or corrupt at FILE:OFFSET. */
export function verdictLine({ verdict }: LogReport): string {
  switch (verdict.kind) {
    case "clean":
      return "clean";
    case "torn":
      return `torn tail at ${verdict.offset} of ${verdict.file}: ${count(verdict.bytes, "byte")}, ${verdict.problem}`;
    case "corrupt": {
      const { file, offset, seq } = verdict.error;
      return `corrupt at ${file}:${offset} (seq ${seq})`;
    }
  }
}

/** What the verdict means, and how much of the log there is. */
export function reportLines(report: LogReport): string[] {
  const { verdict, inUseBy, floorSeq, lastSeq } = report;
  const lines: string[] = [];
  if (verdict.kind === "torn") {
    const cause =
      inUseBy === undefined ? "a crash cut it" : "a crash cut it, or it is being written right now";
    lines.push(`${cause}; the next start keeps these bytes aside and goes on before them`);
  }
  if (verdict.kind === "corrupt") lines.push(verdict.error.problem);
  const seqs = lastSeq === 0 ? "nothing was ever written" : `up to seq ${lastSeq}`;
  const truncated = floorSeq === 0 ? "" : `, of which those up to seq ${floorSeq} are truncated`;
  const readable = verdict.kind === "clean" ? "" : " can be read";
  lines.push(
    `${count(report.records, "record")}${readable}, ${seqs}${truncated}, in ${count(report.groups, "group")}, ` +
      `${count(report.segments, "segment")} and ${count(report.bytes, "byte")} of ${report.directory}`,
  );
  if (inUseBy !== undefined)
    lines.push(`process ${inUseBy} seems to have it open; this is how it looked for a moment`);
  return lines;
}

export function reportObject(report: LogReport): object {
  const { verdict, ...fields } = report;
  return { kind: "report", verdict: verdict.kind, ...verdictFields(verdict), log: fields };
}

function verdictFields(verdict: LogReport["verdict"]): object {
  switch (verdict.kind) {
    case "clean":
      return {};
    case "torn": {
      const { file, offset, bytes, problem } = verdict;
      return { file, offset, bytes, problem };
    }
    case "corrupt": {
      const { file, offset, seq, problem } = verdict.error;
      return { file, offset, seq, problem };
    }
  }
}

function groupText(group: GroupHeader, bytes: number, checksum: number): string {
  const { offset, recordCount, firstSeq, floorSeq, durableThrough, payloadChecksum, previousChecksum } =
    group;
  const content =
    recordCount === 0
      ? `next seq ${firstSeq}`
      : `${recordCount === 1 ? "seq" : `seqs ${firstSeq} to`} ${firstSeq + recordCount - 1}`;
  const payload = recordCount === 0 ? "" : `payload checksum ${hex32(payloadChecksum)}  `;
  return (
    `${kindOfGroup(group)} @${offset}  ${count(bytes, "byte")}  ${content}  synced before ${durableThrough}  ` +
    `floor ${floorSeq}  ${payload}checksum ${hex32(checksum)}  after ${hex32(previousChecksum)}`
  );
}

function groupFields(group: GroupHeader, checksum: number): object {
  return {
    ...group,
    payloadChecksum: hex32(group.payloadChecksum),
    previousChecksum: hex32(group.previousChecksum),
    checksum: hex32(checksum),
  };
}

function kindOfGroup({ recordCount }: GroupHeader): string {
  return recordCount === 0 ? "seal" : "group";
}

function recordText(record: RecordEntry, isHex: boolean): string {
  const { offset, bytes, seq, type, keyHead, keyBytes, valueHead, valueBytes, expiresAtMs, session } = record;
  const parts = [`@${offset}`, `${bytes} bytes`, `seq ${seq}`, type];
  if (type === "put" || type === "delete") parts.push(headText(keyHead, keyBytes, isHex));
  if (type === "put") parts.push(`${count(valueBytes, "byte")} ${headText(valueHead, valueBytes, isHex)}`);
  if (type === "commit") parts.push(`of ${count(Buffer.from(valueHead).readUInt32BE(0), "operation")}`);
  if (record.inBatch && type !== "commit") parts.push("in a batch");
  if (expiresAtMs !== undefined) parts.push(`expires at ${expiresAtMs}`);
  if (session !== undefined) parts.push(`request ${session.requestNumber} of session ${hexOf(session.id)}`);
  if (record.isTruncated) parts.push("truncated");
  return parts.join("  ");
}

const fileRoles = {
  torn: "a torn tail that a repair cut off and kept",
  unfinished: "was being written when a process ended; the next start deletes it",
  foreign: "no log writes a file of this name",
};
