import { WriteAheadLog } from "../../src/wal/write-ahead-log.ts";

/**
 * A process that holds a log: appends to it without a pause, says each seq once it is acknowledged, and lives until
 * it is killed or its standard input ends.
 *   bun log-holder-fixture.ts DIRECTORY
 */
const log = await WriteAheadLog.open(process.argv[2]!, { segmentBytesMax: 16 * 1024, diskHeadroomBytes: 0 });
let ended = false;
const reading = (async () => {
  for await (const _ of process.stdin);
  ended = true;
})();
while (!ended) {
  const seq = await log.append({ type: "put", key: "holder", value: `${log.currentSeq + 1}` });
  process.stdout.write(`${seq}\n`);
}
await log.close();
await reading;
