import { AnswerMeter } from "./answer-meter.ts";
import { getChecks, putCalls, rangeCalls, rangeChecks } from "./etcd-calls.ts";
import { startEtcd } from "./etcd-server.ts";
import type { OrderedEntries } from "./ordered-entries.ts";
import { rangeRequests, rangeRequestsChecked } from "./range-requests.ts";
import { putRequests } from "./request-kinds.ts";
import type { EntrySource } from "./request-window.ts";
import { runEtcd } from "./run-etcd.ts";
import { runRequests } from "./run-requests.ts";
import { findEntries } from "./scale-reads.ts";
import { startHoldfast } from "./subjects.ts";
import type { SuiteOptions } from "./suite.ts";

/** What both are asked for, each in its own protocol; connections and calls in flight are the same. */
export interface RangeSubject extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  put(source: EntrySource, meter: AnswerMeter): Promise<void>;
  /** The source says the rank of each range's first entry. */
  range(source: EntrySource, meter: AnswerMeter): Promise<void>;
  checkRanges(source: EntrySource, meter: AnswerMeter): Promise<void>;
  /** Fails unless all of them are there, and as many puts were counted as were acknowledged, where that is told. */
  checkPuts(entryNumbers: readonly number[], putCount: number): Promise<void>;
  settle(): Promise<void>;
}

export interface RangeSubjectOptions extends SuiteOptions {
  entries: OrderedEntries;
  rangeEntries: number;
  connections: number;
  putPipeline: number;
  rangePipeline: number;
}

export async function startOurs(options: RangeSubjectOptions): Promise<RangeSubject> {
  const { entries, rangeEntries, connections, putPipeline, rangePipeline } = options;
  const server = await startHoldfast(options);
  const { name, pid, port } = server;
  const puts = { port, connections, pipeline: putPipeline };
  const ranges = { port, connections, pipeline: rangePipeline };
  return {
    name,
    pid,
    async put(source, meter) {
      await runRequests({ ...puts, kind: putRequests(), source, meter });
    },
    async range(source, meter) {
      await runRequests({ ...ranges, kind: rangeRequests(entries, rangeEntries), source, meter });
    },
    async checkRanges(source, meter) {
      await runRequests({ ...ranges, kind: rangeRequestsChecked(entries, rangeEntries), source, meter });
    },
    async checkPuts(entryNumbers) {
      const { missingCount } = await findEntries(port, entryNumbers);
      if (missingCount > 0) throw new Error(`${name} lost ${missingCount} of ${entryNumbers.length} puts`);
    },
    settle: () => server.settle(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function startTheirs(options: RangeSubjectOptions): Promise<RangeSubject> {
  const { dataDirectory, entries, rangeEntries, connections, putPipeline, rangePipeline } = options;
  const server = await startEtcd(dataDirectory);
  const { pid, port } = server;
  const puts = { port, connections, pipeline: putPipeline };
  const ranges = { port, connections, pipeline: rangePipeline };
  return {
    name: "etcd",
    pid,
    put: (source, meter) => runEtcd({ ...puts, kind: putCalls(), source, meter }),
    range: (source, meter) => runEtcd({ ...ranges, kind: rangeCalls(entries, rangeEntries), source, meter }),
    checkRanges: (source, meter) =>
      runEtcd({ ...ranges, kind: rangeChecks(entries, rangeEntries), source, meter }),
    async checkPuts(entryNumbers, putCount) {
      let revision = 0;
      const kind = getChecks((told) => (revision = told));
      const numbers = entryNumbers.values();
      const source = { next: () => numbers.next().value ?? -1 };
      await runEtcd({ ...puts, kind, source, meter: new AnswerMeter() });
      // An empty store has revision 1, and each put raises it by one.
      if (revision !== 1 + putCount)
        throw new Error(`etcd counted ${revision - 1} puts, and acknowledged ${putCount}`);
    },
    async settle() {},
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
