import { describe, expect, test } from "bun:test";
import { Snapshots } from "../../src/engine/snapshots.ts";
import { snapshotLeaseMsDefault, snapshotLeaseMsMax, snapshotsMax } from "../../src/lib/limits.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { withSeed } from "../support/seeds.ts";
import { StillClock } from "../wal/still-clock.ts";

/** Snapshots on a clock of the test's own, with all that they told whoever keeps versions for them. */
function held(random = seededRandom(1), clock = new StillClock()) {
  const told: number[] = [];
  const snapshots = new Snapshots(clock, random, (newestSeq) => told.push(newestSeq));
  return { clock, told, snapshots };
}

describe("the lease of a snapshot", () => {
  test("ends when nobody used it for so long, and its versions may go", () => {
    const { clock, told, snapshots } = held();
    const { id } = snapshots.open(5, 100, false);
    clock.advance(99);
    expect(snapshots.use(id).seq).toBe(5);
    clock.advance(99);
    expect(snapshots.renew(id, 1_000).leaseMs).toBe(1_000);
    clock.advance(999);
    expect(snapshots.seqs).toEqual([5]);
    clock.advance(1);
    expect({ seqs: snapshots.seqs, told }).toEqual({ seqs: [], told: [5, 0] });
    expect(() => snapshots.use(id)).toThrow("Cannot read the snapshot: it is not there, or no longer");
    expect(() => snapshots.renew(id, 0)).toThrow("its lease ran out");
  });

  test("is over for its reader at its very end, however late the timer is", () => {
    class Unpunctual extends StillClock {
      override schedule = () => ({ cancel: () => {} });
    }
    const { clock, snapshots } = held(seededRandom(1), new Unpunctual());
    const early = snapshots.open(1, 100, false);
    const late = snapshots.open(2, 300, false);
    clock.advance(100);
    expect(() => snapshots.use(early.id)).toThrow("Cannot read the snapshot");
    expect(snapshots.use(late.id).seq).toBe(2);
  });

  test("of nobody's choice is the default, and of too long a one the most that there is", () => {
    const { snapshots } = held();
    expect(snapshots.open(1, 0, false).leaseMs).toBe(snapshotLeaseMsDefault);
    expect(snapshots.open(1, snapshotLeaseMsMax + 1, false).leaseMs).toBe(snapshotLeaseMsMax);
  });
});

describe("what is kept for snapshots", () => {
  test("is what the newest that is left sees, whichever is closed first", () => {
    const { told, snapshots } = held();
    const [first, second, third] = [3, 7, 7].map((seq) => snapshots.open(seq, 0, false));
    snapshots.close(third!.id);
    snapshots.close(third!.id);
    expect(snapshots.seqs).toEqual([3, 7]);
    snapshots.close(second!.id);
    snapshots.close(first!.id);
    expect(told).toEqual([3, 7, 7, 7, 3, 0]);
  });

  test("is nothing any more once all are closed, and no timer is left", () => {
    const { clock, snapshots } = held();
    snapshots.open(3, 0, false);
    snapshots.open(4, 0, true);
    snapshots.closeAll();
    expect({ count: snapshots.count, alarms: clock.alarmsInMs }).toEqual({ count: 0, alarms: [] });
  });

  test("is bounded: so many may be open, and one more is refused until one is closed", () =>
    withSeed((random) => {
      const { snapshots } = held(random);
      const ids = Array.from({ length: snapshotsMax }, () => snapshots.open(1, 0, false).id);
      expect(new Set(ids).size).toBe(snapshotsMax);
      expect(() => snapshots.open(1, 0, false)).toThrow(`${snapshotsMax} are open already`);
      snapshots.close(ids[0]!);
      expect(snapshots.open(1, 0, false).seq).toBe(1);
    }));
});
