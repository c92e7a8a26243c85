import { randomBytes } from "../lib/random.ts";
import { makeDirectories, syncAncestors } from "../vfs/publish.ts";
import { WalFencedError } from "./errors.ts";
import type { LogStart } from "./log-start.ts";
import { LogWriter } from "./log-writer.ts";
import type { SegmentSpan } from "./segment-span.ts";
import type { LogWriterOptions } from "./options.ts";
import { inTurn, Ownership } from "./ownership.ts";
import { repairLog, type Repair } from "./repair.ts";
import { SegmentFile } from "./segment-file.ts";
import { noPredecessor } from "./segment-header.ts";
import { SegmentImage } from "./segment-image.ts";
import { surveyLog, type LogSurvey, type SurveyVisitor, type Verdict } from "./survey.ts";

/**
 * Takes the log in a directory: ownership, survey, repair, and a writer that goes on where the log ends. What the
 * visitor saw may be served once this has resolved, for only then was it written and synced by this boot. A
 * damaged log throws its WalCorruptionError, with nothing changed.
 */
export async function openLog(given: LogWriterOptions, tenant: LogTenant = {}): Promise<OpenedLog> {
  const { fileSystem } = given;
  makeDirectories(fileSystem, given.directory);
  // Once and for all: a relative name would lead elsewhere when the process changes its working directory.
  const directory = fileSystem.realPath(given.directory);
  const options = { ...given, directory };
  return inTurn(fileSystem, directory, async () => {
    const ownership = await Ownership.acquire(fileSystem, directory);
    try {
      const visitor = await tenant.prepare?.();
      const survey = surveyLog(fileSystem, directory, {
        segmentCapacity: options.segmentBytesMax,
        ...(visitor === undefined ? {} : { visitor }),
      });
      if (survey.verdict.kind === "corrupt") throw survey.verdict.error;
      tenant.approve?.(survey);
      const repair = await repairLog(fileSystem, directory, survey);
      const start = repair.file === undefined ? await firstBoot(options) : goOn(survey, repair);
      const writer = new LogWriter(options, { ...start, assertInPlace: () => ownership.assertInPlace() });
      // Set before the turn ends: the next open may take over before this one's caller hears of its log.
      ownership.onTakenOver = () => writer.stop(new WalFencedError(directory));
      const opened = { writer, ownership, verdict: survey.verdict, tornFile: repair.tornFile };
      await tenant.begin?.(opened);
      writer.begin();
      return opened;
    } catch (error) {
      ownership.release();
      throw error;
    }
  });
}

/** Whoever keeps more than a log in the same place, and has a say in whether all of it fits together. */
export interface LogTenant {
  /** Called once the log is owned, before it is read; may read, and must not change anything. */
  prepare?(): SurveyVisitor | Promise<SurveyVisitor>;
  /** Called before anything is changed; throws what forbids to go on. */
  approve?(survey: LogSurvey): void;
  /** Called before anybody else's turn to open the log: what else lies there is this owner's until then. */
  begin?(opened: OpenedLog): Promise<void>;
}

export interface OpenedLog {
  writer: LogWriter;
  ownership: Ownership;
  /** How the log was found: clean, or with a torn tail. */
  verdict: Verdict;
  /** Where a torn tail was put aside, if there was one. */
  tornFile: string | undefined;
}

/** A log begins to exist with its first segment, which appears whole or not at all. */
async function firstBoot(options: LogWriterOptions): Promise<Omit<LogStart, "assertInPlace">> {
  const { fileSystem, directory, images, random, segmentBytesMax } = options;
  await syncAncestors(fileSystem, directory);
  const storeId = randomBytes(random, 16);
  const image = images.reserve(1, 1, segmentBytesMax);
  const salt = randomBytes(random, 8);
  const header = { storeId, number: 1, firstSeq: 1, floorSeq: 0, salt, predecessor: noPredecessor };
  const segment = await SegmentFile.begin(fileSystem, directory, image, header);
  return { storeId, segment, sealed: [], floorSeq: 0, vouchedFor: true };
}

function goOn(survey: LogSurvey, repair: Repair): Omit<LogStart, "assertInPlace"> {
  const last = survey.segments.at(-1)!;
  const { walk, header } = last;
  const image = new SegmentImage(last.number, header.firstSeq, last.bytes, walk.end);
  const sealed: SegmentSpan[] = survey.segments.slice(0, -1).map((segment) => ({
    number: segment.number,
    firstSeq: segment.header.firstSeq,
    lastSeq: segment.walk.lastSeq,
    bytes: segment.fileBytes,
  }));
  return {
    storeId: header.storeId,
    segment: new SegmentFile(repair.file!, image, header.salt, walk.lastSeq, walk.lastChecksum),
    sealed,
    floorSeq: survey.floorSeq,
    vouchedFor: walk.recordsEnd <= walk.durableThrough,
  };
}
