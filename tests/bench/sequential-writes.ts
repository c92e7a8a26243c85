import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../src/lib/random.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { latenciesOf, type Latencies } from "./results.ts";

export const sequentialBlockBytes = 2 ** 20;

/**
 * What the disk takes from one writer: appends blocks of 1 MiB to a new file and syncs each before the next, for so
 * long. The file is removed when the clock has stopped.
 */
export function writeSequentially(
  directory: string,
  warmUpMs: number,
  measureMs: number,
): Latencies & { opsPerSec: number; bytesPerSec: number } {
  const block = Buffer.alloc(sequentialBlockBytes);
  const random = seededRandom(1);
  for (let offset = 0; offset < block.length; offset += 4) block.writeUInt32LE(random.uint32(), offset);
  const path = join(directory, "sequential");
  const file = openSync(path, "wx", 0o600);
  try {
    const latencies = new LatencyHistogram();
    const measureFromMs = performance.now() + warmUpMs;
    let startedAtMs = 0;
    let nowMs = performance.now();
    for (; nowMs < measureFromMs + measureMs; nowMs = performance.now()) {
      if (startedAtMs === 0 && nowMs >= measureFromMs) startedAtMs = nowMs;
      if (writeSync(file, block) !== block.length) throw new Error("The disk took only a part of a block");
      fdatasyncSync(file);
      if (startedAtMs > 0) latencies.record(performance.now() - nowMs);
    }
    const opsPerSec = (latencies.count / (nowMs - startedAtMs)) * 1000;
    return { opsPerSec, bytesPerSec: opsPerSec * sequentialBlockBytes, ...latenciesOf(latencies) };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
