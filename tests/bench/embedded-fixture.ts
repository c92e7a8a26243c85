import { AnswerMeter } from "./answer-meter.ts";
import { embeddedKinds } from "./embedded-kinds.ts";
import { usageOf } from "./host.ts";
import { uniformKeys } from "./key-source.ts";
import { latenciesOf, type Row } from "./results.ts";
import { timedSource } from "./timed-source.ts";

/**
 * One embedded store in a process of its own, so that none inherits another's heap, threads or compiled code:
 * `embedded-fixture.ts KIND IN_FLIGHT WARM_UP_MS MEASURE_MS DIRECTORY ROOT SEED`. Says what it measured as JSON, after
 * it has closed the store, opened it again and found what was acknowledged.
 */
const [kindName = "", inFlight, warmUpMs, measureMs, directory = "", root = "", seed] = process.argv.slice(2);
const kind = await embeddedKinds[kindName]?.();
if (kind === undefined) throw new Error(`There is no embedded store "${kindName}"`);

const entryCount = 1_000_000;
const sampleEntries = 10_000;
const keys = uniformKeys(entryCount, Number(seed));
const meter = new AnswerMeter();
const isAcknowledged = new Uint8Array(entryCount);

const store = await kind.open(directory, root);
const startedAtMs = performance.now();
const cpu = process.cpuUsage();
const timing = { warmUpMs: Number(warmUpMs), measureMs: Number(measureMs) };
const source = timedSource(keys, meter, timing);
await store.run(
  Number(inFlight),
  () => source.next(),
  (entryNumber, sinceMs) => {
    isAcknowledged[entryNumber] = 1;
    const nowMs = performance.now();
    meter.latencies.record(nowMs - sinceMs);
    meter.arrived(nowMs);
  },
);
const { user, system } = process.cpuUsage(cpu);
const cpuPercent = ((user + system) / 1000 / (performance.now() - startedAtMs)) * 100;
const { rssBytes, rssAnonBytes } = usageOf(process.pid);
await store.close();

const acknowledged = [...isAcknowledged.keys()].filter((number) => isAcknowledged[number] === 1);
const step = Math.ceil(acknowledged.length / sampleEntries);
const sample = new Set(acknowledged.filter((_, index) => index % step === 0));
const found = await kind.find(directory, root, sample);
const lost = [...sample].filter((number) => !found.has(number));
if (sample.size === 0 || lost.length > 0)
  throw new Error(`${kindName} lacks ${lost.length} of ${sample.size} entries that it had acknowledged`);

const measured: EmbeddedMeasured = {
  opsPerSec: meter.perSecond,
  ...latenciesOf(meter.latencies),
  rssBytes,
  rssAnonBytes,
  cpuPercent,
};
console.log(JSON.stringify(measured));
process.exit();

export type EmbeddedMeasured = Omit<Row, "suite" | "case" | "subject" | "round">;
