import { readFileSync } from "node:fs";

/** What a process has resident now, and the highest that it ever was, as the kernel keeps it. */
export interface ResidentMemory {
  readonly bytes: number | undefined;
  readonly bytesMax: number | undefined;
}

/** Nothing is known of a process that has ended, nor anywhere but on Linux. */
export function residentMemoryOf(pid: number): ResidentMemory {
  let status = "";
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    // It has ended, or there is no such file system.
  }
  const bytesOf = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  };
  return { bytes: bytesOf("VmRSS"), bytesMax: bytesOf("VmHWM") };
}
