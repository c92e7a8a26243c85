import { join } from "node:path";
import { benchDirectory } from "./bench-directory.ts";
import { closedLoop } from "./closed-loop.ts";
import { holdfastDialect } from "./dialect.ts";
import { echoDialect } from "./echo-dialect.ts";
import { startFixture } from "./fixture-subject.ts";
import { usageOf } from "./host.ts";
import { inRounds } from "./in-rounds.ts";
import { uniformKeys } from "./key-source.ts";
import { measure, seriesOf, type Measured } from "./measurement.ts";
import { printCase } from "./print-case.ts";
import { ratioOf, type Ratio, type RatioWanted, type Row } from "./results.ts";
import { writeSequentially } from "./sequential-writes.ts";
import { checkStored } from "./stored-entries.ts";
import { startHoldfast, type Subject } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

const suite = "limit";
const warmUpMs = 500;
/** From here on bytes are what counts. */
const largeValueBytesMin = 2 ** 16;

interface SetLoad {
  name: string;
  connections: number;
  pipeline: number;
  valueBytes: number;
  entryCount: number;
}

/** What the protocol, the loop and the disk allow, and how much of it durable sets get. */
export async function runLimitSuite(options: SuiteOptions): Promise<SuiteResults> {
  const bench = new LimitBench(options);
  if (isWanted(answeredSets.name, options)) await bench.besideServer(answeredSets, "answering at once");
  if (isWanted(singleSets.name, options)) await bench.besideServer(singleSets, "bare loop");
  for (const load of [largeSets(largeValueBytesMin, 16, 4), largeSets(2 ** 20, 8, 2)])
    if (isWanted(load.name, options)) await bench.besideDisk(load);
  return bench.results();
}

const answeredSets: SetLoad = {
  name: "durable set, 50 connections, pipeline 128",
  connections: 50,
  pipeline: 128,
  valueBytes: 100,
  entryCount: 1_000_000,
};

const singleSets: SetLoad = {
  name: "durable set, 1 connection, no pipeline",
  connections: 1,
  pipeline: 1,
  valueBytes: 100,
  entryCount: 1_000_000,
};

/** So many entries that they make a gigabyte: later rounds overwrite them. */
function largeSets(valueBytes: number, connections: number, pipeline: number): SetLoad {
  const name = `durable set of ${valueBytes / 2 ** 10} KiB, ${connections} connections, pipeline ${pipeline}`;
  return { name, connections, pipeline, valueBytes, entryCount: 2 ** 30 / valueBytes };
}

type Limit = "answering at once" | "bare loop" | "sequential writes";

interface LimitRatio extends Pick<RatioWanted, "what" | "goal" | "relation"> {
  numberOf: (row: Row) => number;
}

const limitRatios: Record<Limit, LimitRatio> = {
  "answering at once": { what: "rate", goal: 0.75, relation: ">=", numberOf: (row) => row.opsPerSec },
  "bare loop": {
    what: "time per durable set",
    goal: 1.25,
    relation: "<=",
    numberOf: (row) => 1 / row.opsPerSec,
  },
  "sequential writes": { what: "bytes/s", goal: 0.7, relation: ">=", numberOf: (row) => row.bytesPerSec! },
};

class LimitBench {
  readonly #options: SuiteOptions;
  readonly #rows: Row[] = [];
  readonly #measured: Measured[] = [];
  readonly #ratios: Ratio[] = [];
  #runs = 0;

  constructor(options: SuiteOptions) {
    this.#options = options;
  }

  results(): SuiteResults {
    return { rows: this.#rows, ratios: this.#ratios, goals: [], series: seriesOf(this.#measured) };
  }

  /** Against a server that leaves something out; one generator drives both. */
  async besideServer(load: SetLoad, limit: "answering at once" | "bare loop"): Promise<void> {
    const { dataDirectory, root, rounds } = this.#options;
    using directory = benchDirectory(dataDirectory, "limit");
    await using ours = await startHoldfast(this.#options);
    await using other =
      limit === "bare loop"
        ? await startFixture(limit, echoDialect, "bare-loop-fixture.ts", join(directory.path, "requests"))
        : await startFixture(limit, holdfastDialect, "answering-server-fixture.ts", root);
    await inRounds(rounds, [ours, other], async (subject, round) => {
      await ours.settle();
      await this.#sets(load, subject, round, subject === ours);
    });
    this.#conclude(load, limit);
  }

  /** Against one writer that does nothing but write and sync, while our server has nothing left to do. */
  async besideDisk(load: SetLoad): Promise<void> {
    const { dataDirectory, rounds, seconds } = this.#options;
    using directory = benchDirectory(dataDirectory, "limit");
    await using ours = await startHoldfast(this.#options);
    await inRounds(rounds, [ours, undefined], async (subject, round) => {
      await ours.settle();
      if (subject !== undefined) return this.#sets(load, subject, round, true);
      const before = process.cpuUsage();
      const measured = writeSequentially(directory.path, warmUpMs, seconds * 1000);
      const { user, system } = process.cpuUsage(before);
      const { rssBytes } = usageOf(process.pid);
      const cpuPercent = (user + system) / 10 / (warmUpMs + seconds * 1000);
      const named = { suite, case: load.name, subject: "sequential writes", round };
      this.#rows.push({ ...named, ...measured, rssBytes, cpuPercent });
    });
    this.#conclude(load, "sequential writes");
  }

  async #sets(load: SetLoad, subject: Subject, round: number, isChecked: boolean): Promise<void> {
    const { seconds } = this.#options;
    const { name, entryCount, ...shape } = load;
    const stamp = ++this.#runs;
    const { port, dialect } = subject;
    const measured = await measure({ suite, case: name, subject, round, seconds }, (onSecond) =>
      closedLoop({
        ...shape,
        port,
        dialect,
        setPercent: 100,
        keys: uniformKeys(entryCount, round + 1),
        stamp,
        warmUpMs,
        measureMs: seconds * 1000,
        onSecond,
      }),
    );
    const { valueBytes } = load;
    // As many as make at most 64 MiB, which are all of the small ones.
    const sample = measured.result.acknowledged.slice(-Math.max(64, 2 ** 26 / valueBytes));
    if (isChecked) await checkStored(subject, sample, { valueBytes, stamp });
    if (valueBytes >= largeValueBytesMin) measured.row.bytesPerSec = measured.row.opsPerSec * valueBytes;
    this.#measured.push(measured);
    this.#rows.push(measured.row);
  }

  #conclude({ name }: SetLoad, against: Limit): void {
    const { numberOf, ...wanted } = limitRatios[against];
    const ratio = ratioOf(
      this.#rows,
      { suite, case: name, against, subject: "holdfast", ...wanted },
      numberOf,
    );
    if (ratio !== undefined) this.#ratios.push(ratio);
    printCase(
      this.#rows.filter((row) => row.case === name),
      [ratio],
    );
  }
}
