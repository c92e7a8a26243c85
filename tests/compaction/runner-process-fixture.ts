import { WorkerRunner } from "../../src/compaction/worker-runner.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { flushJob, put, segmentBytes, writeSegment } from "./job-fixture.ts";

/** Runs one job in the directory that it is given, does nothing more, and tells what it saw: the process must end. */
const [, , base, mode] = process.argv;
const place = writeSegment(realFileSystem, segmentBytes(1, 1, [[put("key", Buffer.alloc(2_000))]]), base);
const runner = new WorkerRunner(systemClock);
const job = flushJob(place, { directory: `${base}/tables`, bytesPerSecondMax: 10_000 });
if (mode === "prepared") {
  runner.prepare();
  console.log("prepared");
} else if (mode === "awaited") {
  // Without an await at the top, which would keep the process for itself.
  void runner.run(job).then(({ tables }) => console.log(`${tables.length} table`));
} else {
  void runner.run(job).catch(({ code }: { code: string }) => console.log(code));
  await runner.close();
  console.log("closed");
}
