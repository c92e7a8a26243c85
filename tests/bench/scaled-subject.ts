import type { AnswerMeter } from "./answer-meter.ts";
import type { Usage } from "./host.ts";
import type { EntrySource } from "./request-window.ts";
import type { Work } from "./subjects.ts";

/** A server that holds many entries, and is stopped and started again on them. */
export interface ScaledSubject extends AsyncDisposable {
  readonly name: string;
  /** The most memory that it was seen with. */
  readonly rssPeakBytes: number;
  readonly rssAnonPeakBytes: number;
  /** Starts it, and returns how long it took until it answered. */
  start(): Promise<number>;
  stop(): Promise<void>;
  usage(): Usage;
  work(): Promise<Work>;
  /** Puts the entries that the source says, many at a time, and returns when all are acknowledged. */
  put(source: EntrySource, meter: AnswerMeter): Promise<void>;
  /** How many of these it lacks, or has with another value. */
  missing(entryNumbers: number[]): Promise<number>;
  /** Waits until nothing is left to do behind the scenes. */
  settle(): Promise<void>;
}

/** Both get the same load. */
export const scaledConnections = 16;
export const scaledPipeline = 256;
