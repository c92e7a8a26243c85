import { join } from "node:path";
import { misfitOf, storeDirectories, StoreMismatchError } from "../engine/store-fit.ts";
import type { ManifestState } from "../manifest/manifest-state.ts";
import { readManifest } from "../manifest/read-manifest.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { listDirectory, segmentName } from "../wal/directory.ts";
import { segmentHeaderBytes } from "../wal/format.ts";
import { surveyLog, type LogSurvey, type SurveyVisitor } from "../wal/survey.ts";
import { copyFile } from "./copy-file.ts";

/**
 * Copies that part of the log that belongs to a state of the manifest which was read before. Returns the bytes.
 *
 * A flush that has ended since then may have raised the log's floor above what that state covers. The floor rises only
 * after the manifest's edit, so the first group that says so was written after the manifest was read, and all that
 * was acknowledged before lies in front of it: there the copy ends. Only if the records below that floor have already
 * been deleted is it too late, and the manifest has to be read again. While a server writes, the last group may be
 * half there: it was not acknowledged, and is left out.
 */
export async function copyLog(
  fileSystem: FileSystem,
  from: string,
  to: string,
  state: ManifestState | undefined,
): Promise<number> {
  const { wal, manifest } = storeDirectories(from);
  const { part, survey } = surveyPart(fileSystem, wal, state?.coveredSeq ?? Infinity);
  if (survey.verdict.kind === "corrupt") throw survey.verdict.error;
  const spans = part.spansOf(survey);
  let misfit = misfitOf(state, partOf(survey, spans)) ?? gapOf(state, spans);
  if (misfit === undefined && state !== undefined && survey.floorSeq > state.coveredSeq) {
    // Unless the manifest has moved on, it is an older one that was put back, and what was to be left out is needed.
    const now = readManifest(fileSystem, manifest)?.state;
    if (now === undefined || now.coveredSeq < survey.floorSeq) misfit = misfitOf(state, survey);
  }
  if (misfit !== undefined) throw new StoreMismatchError(from, misfit);
  for (const number of listDirectory(fileSystem, to).segments)
    fileSystem.unlink(join(to, segmentName(number)));
  let bytes = 0;
  for (const { number, end } of spans) {
    bytes += await copyFile(fileSystem, join(wal, segmentName(number)), join(to, segmentName(number)), end);
  }
  return bytes;
}

/**
 * While a server writes, a page may be read before a group was written to it, and the next page behind a later group,
 * which then seems to vouch for what is missing. Such a sight passes, and damage stays.
 */
function surveyPart(
  fileSystem: FileSystem,
  directory: string,
  floorSeqMax: number,
): { part: LogPart; survey: LogSurvey } {
  for (let attempt = 1; ; attempt++) {
    const part = new LogPart(floorSeqMax);
    const survey = surveyLog(fileSystem, directory, { visitor: part });
    if (survey.verdict.kind !== "corrupt" || attempt === surveysMax) return { part, survey };
  }
}

const surveysMax = 4;

/** What is to be copied of a segment. */
interface Span {
  number: number;
  firstSeq: number;
  lastSeq: number;
  floorSeq: number;
  end: number;
}

/** Finds where the log has to end while it is surveyed. */
class LogPart implements SurveyVisitor {
  readonly #floorSeqMax: number;
  readonly #spans: Span[] = [];
  #hasEnded = false;

  constructor(floorSeqMax: number) {
    this.#floorSeqMax = floorSeqMax;
  }

  segment: NonNullable<SurveyVisitor["segment"]> = ({ number, firstSeq, floorSeq }) => {
    this.#hasEnded ||= floorSeq > this.#floorSeqMax;
    if (this.#hasEnded) return;
    this.#spans.push({ number, firstSeq, lastSeq: firstSeq - 1, floorSeq, end: segmentHeaderBytes });
  };

  group: NonNullable<SurveyVisitor["group"]> = (_bytes, { floorSeq, recordCount }, _start, end) => {
    this.#hasEnded ||= floorSeq > this.#floorSeqMax;
    if (this.#hasEnded) return;
    const span = this.#spans.at(-1)!;
    Object.assign(span, { floorSeq, lastSeq: span.lastSeq + recordCount, end });
  };

  /** Without the leftovers of a truncation, which the visitor is shown as well. */
  spansOf({ segments }: LogSurvey): Span[] {
    const numbers = new Set(segments.map(({ number }) => number));
    return this.#spans.filter(({ number }) => numbers.has(number));
  }
}

/** The log as it will be in the copy. */
function partOf(survey: LogSurvey, spans: readonly Span[]): LogSurvey {
  const last = spans.at(-1);
  return {
    ...survey,
    segments: survey.segments.slice(0, spans.length),
    floorSeq: last?.floorSeq ?? 0,
    lastSeq: last?.lastSeq ?? 0,
  };
}

/** What lies between the tables' end and the log's beginning. */
function gapOf(state: ManifestState | undefined, [first]: readonly Span[]): string | undefined {
  const coveredSeq = state?.coveredSeq ?? 0;
  if (first === undefined || first.firstSeq <= coveredSeq + 1) return undefined;
  return `its log begins with seq ${first.firstSeq}, but its tables end at seq ${coveredSeq}`;
}
