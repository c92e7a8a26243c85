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
import { median } from "./results.ts";

export type Host = ReturnType<typeof describeHost>;

/** The machine, and what a sync costs in the directory where the data is going to lie. */
export function describeHost(parentDirectory = tmpdir()) {
  const directory = mkdtempSync(join(parentDirectory, "holdfast-bench-sync-"));
  const file = openSync(join(directory, "probe"), "w");
  const block = Buffer.alloc(4096, 1);
  const syncsUs: number[] = [];
  for (let index = 0; index < 200; index++) {
    const startedAt = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    syncsUs.push((performance.now() - startedAt) * 1000);
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
    syncUs: Math.round(median(syncsUs)),
    /** A sync on a file system in memory means nothing, and neither do numbers of durable writes there. */
    isOnDisk: type !== tmpfsType,
    freeBytes: bavail * bsize,
  };
}

const tmpfsType = 0x0102_1994;

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
