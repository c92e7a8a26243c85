/** No input may take more of a processor than this: a server serves nobody else meanwhile. */
export const inputMsMax = 50;

/**
 * Nor more memory than three times itself, beyond what the engine allots at once however little is asked for.
 */
const growthFactorMax = 3;
const growthBytesSpared = 4 * 1024 * 1024;

/** A jump of the resident memory while a few inputs are read that is worth a closer look. */
export const growthBytesSuspect = 64 * 1024 * 1024;

export class CostViolation extends Error {
  constructor(what: string) {
    super(what);
    this.name = "CostViolation";
  }
}

/**
 * What the inputs cost: the slowest of them, and how far the process grew. A time by the clock also holds
 * collections and whatever else the machine did, so one that would be the slowest is measured again, by the
 * processor's time, and the least counts.
 */
export class CostMeter {
  slowestMs = 0;
  peakBytes = 0;
  #baseBytes = 0;

  /** `again` reads the same input once more. */
  time(ms: number, again: () => void): void {
    if (ms <= this.slowestMs) return;
    let least = ms;
    for (let attempt = 0; attempt < 3 && least > this.slowestMs; attempt++)
      least = Math.min(least, msOf(again));
    this.slowestMs = Math.max(this.slowestMs, least);
    if (least > inputMsMax) throw new CostViolation(`it took ${least.toFixed(1)} ms of the processor's time`);
  }

  /** The resident memory now, remembered as what it began with, or as its peak. */
  observe(): number {
    const bytes = process.memoryUsage.rss();
    if (this.#baseBytes === 0) this.#baseBytes = bytes;
    this.peakBytes = Math.max(this.peakBytes, bytes);
    return bytes;
  }

  /** How far the process grew since the first look, at the most. */
  get growthBytes(): number {
    return this.peakBytes - this.#baseBytes;
  }

  /** Counts from now on: what came before was making inputs. */
  begin(): void {
    Bun.gc(true);
    this.#baseBytes = this.peakBytes = 0;
    this.observe();
  }
}

/**
 * By the processor's clock for all threads: what the collector and the compiler do beside it counts as well.
 */
export function msOf(run: () => void): number {
  const before = process.cpuUsage();
  const beganAt = performance.now();
  run();
  const wallMs = performance.now() - beganAt;
  const { user, system } = process.cpuUsage(before);
  return Math.min(wallMs, (user + system) / 1000);
}

/** Throws a CostViolation if reading an input of `inputBytes` makes the process grow by more than it may. */
export function expectBoundedGrowth(inputBytes: number, run: () => void): number {
  let least = Infinity;
  for (let attempt = 0; attempt < 3; attempt++) {
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    run();
    least = Math.min(least, Math.max(0, process.memoryUsage.rss() - before));
    if (least <= growthFactorMax * inputBytes + growthBytesSpared) return least;
  }
  throw new CostViolation(`reading ${inputBytes} bytes made the process grow by ${least}`);
}
