import { join } from "node:path";
import { benchDirectory, killAtExit } from "./bench-directory.ts";
import type { EmbeddedMeasured } from "./embedded-fixture.ts";
import { inRounds } from "./in-rounds.ts";
import { printCase } from "./print-case.ts";
import { ratioOf, type Ratio, type Row } from "./results.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

const suite = "embedded";
const warmUpMs = 500;
const goal = 2;
const ours = ["holdfast/wal", "holdfast engine"];
const rivals = ["sqlite, autocommit", "lmdb"];

interface Case {
  name: string;
  inFlight: number;
  subjects: string[];
  /** With one caller every store waits for the same disk: what each does with that is shown, and no goal. */
  hasGoal: boolean;
}

const cases: Case[] = [
  {
    name: "durable put in this process, 100 in flight",
    inFlight: 100,
    subjects: [...ours, ...rivals, "sqlite, transactions of 100"],
    hasGoal: true,
  },
  {
    name: "durable put in this process, 1 in flight",
    inFlight: 1,
    subjects: [...ours, ...rivals],
    hasGoal: false,
  },
];

/** Durable puts by calls instead of requests: the log alone and the engine, beside SQLite and LMDB. */
export async function runEmbeddedSuite(options: SuiteOptions): Promise<SuiteResults> {
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  const hasLmdb = isThere("lmdb");
  if (!hasLmdb) console.log("lmdb is not installed: its cases are skipped");
  for (const testCase of cases) {
    const { name, inFlight, hasGoal } = testCase;
    if (!isWanted(name, options)) continue;
    const subjects = testCase.subjects.filter((subject) => subject !== "lmdb" || hasLmdb);
    await inRounds(options.rounds, subjects, async (subject, round) => {
      const measured = await measureEmbedded(subject, inFlight, round, options);
      rows.push({ suite, case: name, subject, round, ...measured });
    });
    const own = hasGoal ? ratiosOf(name, rows) : [];
    ratios.push(...own);
    printCase(
      rows.filter((row) => row.case === name),
      own,
    );
  }
  return { rows, ratios, goals: [], series: [] };
}

/** Of the log and of the engine, each to each; against SQLite as it acknowledges single puts. */
function ratiosOf(name: string, rows: Row[]): Ratio[] {
  return ours.flatMap((subject) =>
    rivals.flatMap((against) => {
      const what = `rate of ${subject}`;
      const wanted = { suite, case: name, against, what, goal, relation: ">=" } as const;
      return ratioOf(rows, { ...wanted, subject }) ?? [];
    }),
  );
}

async function measureEmbedded(
  subject: string,
  inFlight: number,
  round: number,
  { dataDirectory, root, seconds }: SuiteOptions,
): Promise<EmbeddedMeasured> {
  using directory = benchDirectory(dataDirectory, "embedded");
  const words = [subject, inFlight, warmUpMs, seconds * 1000, directory.path, root, round + 1].map(String);
  const fixture = join(import.meta.dir, "embedded-fixture.ts");
  const child = Bun.spawn([process.execPath, fixture, ...words], { stdout: "pipe", stderr: "inherit" });
  const keep = killAtExit(child);
  const text = await child.stdout.text();
  const code = await child.exited;
  keep();
  if (code !== 0) throw new Error(`${subject} ended with ${code}, and without a number`);
  return JSON.parse(text) as EmbeddedMeasured;
}

function isThere(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
