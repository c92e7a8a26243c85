import { holdfastDialect, redisDialect } from "./dialect.ts";
import { uniformKeys } from "./key-source.ts";
import { openLoop } from "./open-loop.ts";
import { latenciesOf } from "./results.ts";

/**
 * One client that gets entries at a fixed rate, in a process of its own: what the generator of the sets is busy with
 * must not be part of a get's latency. Takes its load as JSON, and says what it measured as JSON.
 */
export interface GetLoad {
  port: number;
  dialect: string;
  entryCount: number;
  perSecond: number;
  warmUpMs: number;
  measureMs: number;
  seed: number;
}

const load = JSON.parse(process.argv[2] ?? "") as GetLoad;
const dialect = [holdfastDialect, redisDialect].find(({ name }) => name === load.dialect);
if (dialect === undefined) throw new Error(`There is no dialect "${load.dialect}"`);
const { opsPerSec, latencies, missing } = await openLoop({
  ...load,
  dialect,
  connections: 1,
  setPercent: 0,
  keys: uniformKeys(load.entryCount, load.seed),
  valueBytes: 100,
  stamp: 0,
});
if (missing > 0) throw new Error(`${load.dialect} did not find ${missing} entries that were set`);
console.log(JSON.stringify({ opsPerSec, ...latenciesOf(latencies) }));
process.exit();
