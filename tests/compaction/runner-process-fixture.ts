import { WorkerRunner } from "../../src/compaction/worker-runner.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { flushJob, put, segmentBytes, writeSegment } from "./job-fixture.ts";

/** Runs one job in the directory that it is given, does nothing more, and tells what it saw: the process must end. */
const [, , base, mode] = process.argv;
const place = writeSegment(realFileSystem, segmentBytes(1, 1, [[put("key", "value")]]), base);
const runner = new WorkerRunner(systemClock);
const job = flushJob(place, { directory: `${base}/tables` });
if (mode === "awaited") {
  const { tables } = await runner.run(job);
  console.log(`${tables.length} table`);
} else {
  void runner.run(job).catch(({ code }: { code: string }) => console.log(code));
  await runner.close();
  console.log("closed");
}
