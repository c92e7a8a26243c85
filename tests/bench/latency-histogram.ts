/**
 * Counts latencies in buckets of at most 3 % width, from a microsecond to half an hour, in 7 KiB for any number of
 * them: a list of samples would itself cause the pauses that are looked for.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  count = 0;
  maxMs = 0;

  record(ms: number): void {
    // Rounded up, so that nothing is told faster than it was.
    const us = Math.min(Math.ceil(ms * 1000), usMax);
    const shift = us < 2 * bucketsPerDoubling ? 0 : 31 - Math.clz32(us) - doublingBits;
    this.#counts[shift * bucketsPerDoubling + (us >>> shift)]!++;
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** So many milliseconds or less took this share (0.99 for p99) of what was recorded. */
  percentileMs(share: number): number {
    const wanted = Math.ceil(share * this.count);
    let passed = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      passed += this.#counts[bucket]!;
      if (passed >= wanted && passed > 0) return Math.min(upperUs(bucket) / 1000, this.maxMs);
    }
    return 0;
  }

  /**
   * Shares and their milliseconds, for a curve over 1 / (1 - share): twelve points for each further nine, as far as
   * there is a latency above, and the greatest one at the end.
   */
  curve(): [share: number, ms: number][] {
    const points: [number, number][] = [];
    if (this.count === 0) return points;
    for (let step = 0; 10 ** (step / pointsPerNine) < this.count; step++) {
      const share = 1 - 10 ** (-step / pointsPerNine);
      points.push([share, this.percentileMs(share)]);
    }
    points.push([1 - 1 / this.count, this.maxMs]);
    return points;
  }

  add(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < bucketCount; bucket++) this.#counts[bucket]! += other.#counts[bucket]!;
    this.count += other.count;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
  }

  /** For another process. */
  parts(): HistogramParts {
    return { counts: [...this.#counts], maxMs: this.maxMs };
  }

  addParts({ counts, maxMs }: HistogramParts): void {
    for (const [bucket, count] of counts.entries()) {
      this.#counts[bucket]! += count;
      this.count += count;
    }
    this.maxMs = Math.max(this.maxMs, maxMs);
  }

  clear(): void {
    this.#counts.fill(0);
    this.count = this.maxMs = 0;
  }
}

export interface HistogramParts {
  counts: number[];
  maxMs: number;
}

const pointsPerNine = 12;
const doublingBits = 5;
const bucketsPerDoubling = 1 << doublingBits;
const usMax = 2 ** 31 - 1;
const bucketCount = (31 - doublingBits + 1) * bucketsPerDoubling;

/** The largest number of microseconds that a bucket counts. */
function upperUs(bucket: number): number {
  if (bucket < 2 * bucketsPerDoubling) return bucket;
  const shift = Math.floor(bucket / bucketsPerDoubling) - 1;
  return (bucket - shift * bucketsPerDoubling + 1) * 2 ** shift - 1;
}
