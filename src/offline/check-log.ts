import { join } from "node:path";
import { readFile, type FileSystem } from "../vfs/file-system.ts";
import { segmentName } from "../wal/directory.ts";
import { decodeSegmentHeader } from "../wal/segment-header.ts";
import { findWitness, walkSegment } from "../wal/segment-walk.ts";
import { surveyLog, type LogSurvey } from "../wal/survey.ts";
import { addCorruption, guarded, type StoreReport } from "./store-report.ts";

/** Reads a log as a start does, and behind the first damage each segment by itself. Undefined: it is not whole. */
export function checkLog(
  fileSystem: FileSystem,
  directory: string,
  report: StoreReport,
): LogSurvey | undefined {
  const log = guarded(report, directory, () => surveyLog(fileSystem, directory))?.value;
  if (log === undefined) return undefined;
  const { verdict, listing, segments, leftovers } = log;
  report.segments = segments.length;
  report.lastSeq = log.lastSeq;
  report.bytes += segments.reduce((sum, segment) => sum + segment.fileBytes, 0);
  if (verdict.kind === "torn") {
    const { file, offset, problem } = verdict;
    report.findings.push({ kind: "torn", file, offset, problem });
  } else if (verdict.kind === "corrupt") {
    const { file, offset, problem } = verdict.error;
    addCorruption(report, file, offset, problem);
    checkUnread(fileSystem, directory, log, report);
  }
  for (const name of listing.foreign) {
    const file = join(directory, name);
    if (verdict.kind === "corrupt" && verdict.error.file === file) continue;
    addCorruption(report, file, 0, "no log writes a file of this name; move it elsewhere");
  }

  const note = (name: string, text: string) => report.notes.push({ file: join(directory, name), text });
  for (const name of listing.torn) note(name, "a torn tail that a repair cut off and kept");
  for (const name of listing.unfinished)
    note(name, "was being written when a process ended; the next start deletes it");
  for (const number of leftovers) {
    note(
      segmentName(number),
      "was truncated, and a crash kept it from being deleted; the next start deletes it",
    );
  }
  return verdict.kind === "corrupt" ? undefined : log;
}

/** The segments that the survey did not come to, because it ends at the first damage. */
function checkUnread(fileSystem: FileSystem, directory: string, log: LogSurvey, report: StoreReport): void {
  const read = new Set([...log.segments.map(({ number }) => number), ...log.leftovers]);
  const known = new Set(report.findings.map(({ file }) => file));
  const last = log.listing.segments.at(-1);
  for (const number of log.listing.segments) {
    const file = join(directory, segmentName(number));
    if (read.has(number) || known.has(file)) continue;
    guarded(report, file, () => checkSegment(fileSystem, file, number, number === last, report));
  }
}

function checkSegment(
  fileSystem: FileSystem,
  file: string,
  number: number,
  isLast: boolean,
  report: StoreReport,
): void {
  const bytes = readFile(fileSystem, file);
  report.bytes += bytes.length;
  const decoded = decodeSegmentHeader(bytes);
  if ("problem" in decoded) return addCorruption(report, file, 0, decoded.problem);
  const { header, checksum } = decoded;
  if (header.number !== number)
    return addCorruption(report, file, 32, `its header says segment ${header.number}`);
  const { problem, end } = walkSegment(bytes, header, checksum);
  if (problem === undefined) {
    // What was prepared for further groups is cut off before the next segment begins.
    if (!isLast && end < bytes.length)
      addCorruption(
        report,
        file,
        end,
        "its groups end here, with zeros behind them, and a later segment follows",
      );
    return;
  }
  const isTorn = isLast && findWitness(bytes, header, end) === undefined;
  report.findings.push({ kind: isTorn ? "torn" : "corrupt", file, offset: end, problem });
}
