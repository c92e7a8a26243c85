import { join } from "node:path";
import { AnswerMeter } from "./answer-meter.ts";
import { usageOf } from "./host.ts";
import { getRequests, putRequests } from "./request-kinds.ts";
import { isMet, latenciesOf, median, type Goal, type Row } from "./results.ts";
import { runRequests } from "./run-requests.ts";
import type { SuiteResults } from "./suite.ts";

/**
 * What a request costs the generator of the scale suite, which shares the machine with the server that it measures:
 * its processor time, the kernel's on its behalf included, against a server that answers everything with OK.
 */
export async function runGeneratorSuite(): Promise<SuiteResults> {
  const sink = Bun.spawn([process.execPath, join(import.meta.dir, "sink-fixture.ts")], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const rows: Row[] = [];
  const goals: Goal[] = [];
  try {
    const { value } = await sink.stdout.getReader().read();
    const port = Number(/:(\d+)\s*$/.exec(new TextDecoder().decode(value))?.[1]);
    for (const { name, kind, connections, pipeline } of cases) {
      const costsUs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        let next = 0;
        const meter = new AnswerMeter();
        const before = process.cpuUsage();
        await runRequests({
          port,
          connections,
          pipeline,
          kind: kind(),
          source: { next: () => (next < requests ? next++ : -1) },
          meter,
        });
        const { user, system } = process.cpuUsage(before);
        costsUs.push((user + system) / requests);
        rows.push(rowOf(name, meter, sink.pid));
      }
      const actual = median(costsUs);
      console.log(`${name.padEnd(40)} ${actual.toFixed(3)} µs of the generator's processor time a request`);
      const bound = 0.7;
      const goal = { suite: "generator", case: name, subject: "generator", what: "processor time a request" };
      goals.push({ ...goal, actual, relation: "<", bound, unit: "µs", met: isMet(actual, "<", bound) });
    }
  } finally {
    sink.kill();
  }
  return { rows, ratios: [], goals, series: [] };
}

const cases = [
  { name: "put, 16 connections, pipeline 256", kind: putRequests, connections: 16, pipeline: 256 },
  {
    name: "get, 16 connections, pipeline 16",
    kind: () => getRequests(() => true),
    connections: 16,
    pipeline: 16,
  },
];
const rounds = 5;
const requests = 1_000_000;

function rowOf(name: string, meter: AnswerMeter, pid: number): Row {
  const { latencies, perSecond } = meter;
  const { rssBytes } = usageOf(pid);
  return {
    suite: "generator",
    case: name,
    subject: "sink",
    opsPerSec: perSecond,
    ...latenciesOf(latencies),
    rssBytes,
    cpuPercent: 0,
  };
}
