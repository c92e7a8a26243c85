import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { describeHost } from "./host.ts";
import { entryBytes, entryNumberMax } from "./numbered-entries.ts";
import { megabytes } from "./results.ts";
import { goalsOf, growthTable } from "./scale-report.ts";
import { runScale, type Findings } from "./scale-run.ts";
import type { SuiteResults } from "./suite.ts";

export interface ScaleSuiteOptions {
  /** How many entries; each number gets a fresh store. */
  entryCounts: number[];
  /** Where the data goes. Default: the directory of temporary files. */
  data: string | undefined;
  /** Where the source of the server under test is, and what it is called in the results. */
  root: string;
  subject: string;
  connections: number;
  pipeline: number;
  seconds: number;
  settleSecondsMax: number;
}

/** What a store does as it grows: load, gets, scans, restarts and a crash, at each size. */
export async function runScaleSuite(options: ScaleSuiteOptions): Promise<SuiteResults> {
  const { entryCounts, root, subject, connections, pipeline, seconds, settleSecondsMax } = options;
  const parentDirectory = resolve(options.data ?? tmpdir());
  assertRoom(Math.max(...entryCounts), parentDirectory, describeHost(parentDirectory).freeBytes);

  const all: Findings[] = [];
  for (const entryCount of entryCounts) {
    all.push(
      await runScale(entryCount, {
        parentDirectory,
        root,
        subject,
        connections,
        pipeline,
        seconds,
        settleSecondsMax,
      }),
    );
  }
  const goals = all.flatMap((findings) => goalsOf(findings, subject));
  console.log(`\n${growthTable(all)}`);
  if (all.some(({ crash }) => crash.lost > 0)) process.exitCode = 1;
  return {
    rows: all.flatMap(({ rows }) => rows),
    ratios: [],
    goals,
    series: all.map(({ points, load, rows: _, entryCount, ...rest }) => ({
      suite: "scale",
      case: `${entryCount} keys: load`,
      subject,
      points: points.map((point) => ({ ...point })),
      pauses: load.pauses,
      pauseMsMax: load.pauseMsMax,
      generatorTurnMsMax: load.ownTurnMsMax,
      ...rest,
    })),
  };
}

function assertRoom(entryCount: number, directory: string, freeBytes: number): void {
  if (entryCount > entryNumberMax / 4) throw new Error(`Cannot make ${entryCount} different entries`);
  // A merge has its input and its output on the disk at once, and the log lies beside them.
  const neededBytes = entryCount * entryBytes * 4;
  if (freeBytes < neededBytes)
    throw new Error(
      `Cannot load ${entryCount} entries: ${directory} has ${megabytes(freeBytes)} free, and they may need ${megabytes(neededBytes)}; choose another with --data`,
    );
}
