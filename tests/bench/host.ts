import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { LatencyHistogram } from "./latency-histogram.ts";
import { megabytes } from "./results.ts";

export type Host = ReturnType<typeof describeHost> & {
  /** What a sync cost when a suite began: the disk's mood changes, on a shared machine more than on others. */
  syncs?: Record<string, SyncFacts>;
};

/** Of an appended 4 KiB, in microseconds. */
export type SyncFacts = Pick<ReturnType<typeof describeHost>, "syncUs" | "syncP99Us" | "syncMaxUs">;

/** The machine, and what a sync costs in the directory where the data is going to lie. */
export function describeHost(parentDirectory = tmpdir()) {
  const directory = mkdtempSync(join(parentDirectory, "holdfast-bench-sync-"));
  const file = openSync(join(directory, "probe"), "w");
  const block = Buffer.alloc(4096, 1);
  const syncs = new LatencyHistogram();
  for (let index = 0; index < 200; index++) {
    const startedAt = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    syncs.record(performance.now() - startedAt);
  }
  closeSync(file);
  const { type, bavail, bsize } = statfsSync(directory);
  rmSync(directory, { recursive: true });
  const { length: cores, 0: cpu } = cpus();
  return {
    cpu: cpu?.model ?? "unknown processor",
    cores,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()}`,
    bun: Bun.version,
    /** When it was looked at. */
    at: new Date().toISOString(),
    syncUs: Math.round(syncs.percentileMs(0.5) * 1000),
    syncP99Us: Math.round(syncs.percentileMs(0.99) * 1000),
    syncMaxUs: Math.round(syncs.maxMs * 1000),
    fileSystem: fileSystems.get(type) ?? `type 0x${type.toString(16)}`,
    /** A sync on a file system in memory means nothing, and neither do numbers of durable writes there. */
    isOnDisk: type !== tmpfsType,
    freeBytes: bavail * bsize,
  };
}

const tmpfsType = 0x0102_1994;
const fileSystems = new Map([
  [0xef53, "ext4"],
  [0x5846_5342, "xfs"],
  [0x9123_683e, "btrfs"],
  [0x794c_7630, "overlayfs"],
  [tmpfsType, "tmpfs"],
]);

/** The lines with which each suite begins. */
export function printHost(host: Host, directory: string): void {
  const { cpu, cores, memoryBytes, kernel, bun, fileSystem, syncUs, syncP99Us, syncMaxUs, isOnDisk } = host;
  console.log(`${cpu}, ${cores} cores, ${megabytes(memoryBytes)}; ${kernel}, Bun ${bun}`);
  console.log(
    `${directory} is on ${fileSystem}; fdatasync of an appended 4 KiB there: median ${syncUs}, p99 ${syncP99Us}, max ${syncMaxUs} µs`,
  );
  if (!isOnDisk) console.log(`${directory} is in memory: these numbers say nothing of a disk`);
}

/** What a process uses, as Linux tells it. On other systems all of it is 0. */
export interface Usage {
  cpuSeconds: number;
  rssBytes: number;
  /** What only this process has: its heap and its buffers. */
  rssAnonBytes: number;
  /** Pages of files, which the kernel drops when it needs room. */
  rssFileBytes: number;
  /** The most that rssBytes ever was. */
  rssPeakBytes: number;
  /** What reached the disk's driver, in whole pages: the kernel's account of what was written. */
  writtenBytes: number;
}

export function usageOf(pid: number): Usage {
  const status = procFile(pid, "status");
  const bytesOf = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  const fields = procFile(pid, "stat").split(") ")[1]?.split(" ") ?? [];
  return {
    cpuSeconds: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100,
    rssBytes: bytesOf("VmRSS"),
    rssAnonBytes: bytesOf("RssAnon"),
    rssFileBytes: bytesOf("RssFile"),
    rssPeakBytes: bytesOf("VmHWM"),
    writtenBytes: Number(/^write_bytes: (\d+)/m.exec(procFile(pid, "io"))?.[1] ?? 0),
  };
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
