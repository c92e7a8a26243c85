import { describe, expect, test } from "bun:test";
import { BackPressure } from "../../src/engine/back-pressure.ts";
import { memtablesWaitingMax, slowedBytesPerSecondMin } from "../../src/lib/limits.ts";
import { StillClock } from "../wal/still-clock.ts";

const MiB = 1024 * 1024;

/** Bytes a second that a log gets through which writes groups of 64 KiB for a second, and waits as it is told. */
function rateOf(pressure: BackPressure, clock: StillClock): number {
  const groupBytes = 64 * 1024;
  const endMs = clock.monotonicMs() + 1_000;
  let bytes = 0;
  while (clock.monotonicMs() < endMs) {
    const waitMs = pressure.waitMs();
    if (waitMs > 0) {
      expect(waitMs).toBeLessThanOrEqual(20);
      clock.advance(waitMs);
      continue;
    }
    pressure.wrote(groupBytes);
    bytes += groupBytes;
    if (bytes > 10_000 * MiB) return Infinity;
  }
  return bytes;
}

describe("writers", () => {
  test("are not slowed down while no more than one memtable waits, nor when the store closes", () => {
    const clock = new StillClock();
    const pressure = new BackPressure(clock);
    pressure.memtablesWaiting = 1;
    expect(rateOf(pressure, clock)).toBe(Infinity);
    pressure.memtablesWaiting = memtablesWaitingMax;
    pressure.isReleased = true;
    expect(rateOf(pressure, clock)).toBe(Infinity);
  });

  test("are as fast as flushes in the middle, and slower the more there is to catch up", () => {
    const clock = new StillClock();
    const pressure = new BackPressure(clock);
    const flushRate = 200 * MiB;
    for (let flush = 0; flush < 30; flush++) pressure.flushed(32 * MiB, (32 * MiB * 1_000) / flushRate);
    for (let waiting = 2; waiting < memtablesWaitingMax; waiting++) {
      pressure.memtablesWaiting = waiting;
      const share = (waiting - 1) / (memtablesWaitingMax - 1);
      expect(pressure.pressure).toBe(share);
      expect(rateOf(pressure, clock) / flushRate).toBeCloseTo(2 * (1 - share), 1);
    }
  });

  test("are not slowed down by what a flush of a few bytes took, nor by one that stood still", () => {
    const clock = new StillClock();
    const pressure = new BackPressure(clock);
    pressure.memtablesWaiting = memtablesWaitingMax - 1;
    pressure.flushed(1_000, 5_000);
    pressure.flushed(32 * MiB, 60_000);
    const expected = 2 * (1 - pressure.pressure) * slowedBytesPerSecondMin;
    expect(rateOf(pressure, clock) / expected).toBeCloseTo(1, 1);
  });

  test("stop where nothing more may come", () => {
    const clock = new StillClock();
    const pressure = new BackPressure(clock);
    pressure.memtablesWaiting = memtablesWaitingMax;
    expect(rateOf(pressure, clock)).toBe(0);
    pressure.memtablesWaiting = 0;
    pressure.levelZeroTables = 1_000;
    expect(rateOf(pressure, clock)).toBe(0);
  });
});
