import { assert } from "../lib/assert.ts";

/**
 * Which versions of a key somebody can see. The snapshots divide all versions into stripes: stripe 0 ends with the
 * oldest snapshot, each next one with the next snapshot, and the last one never ends. A reader at a snapshot or at
 * the newest state sees, of each stripe, the newest version or none; so of the versions of one key in one stripe only
 * the newest is worth keeping.
 */
export class VersionStripes {
  readonly #snapshots: Float64Array;

  /** `snapshots` ascend. */
  constructor(snapshots: readonly number[]) {
    for (let index = 1; index < snapshots.length; index++) {
      assert(snapshots[index - 1]! < snapshots[index]!, "snapshots are given in ascending order");
    }
    this.#snapshots = Float64Array.from(snapshots);
  }

  /** The newest snapshot; 0 if there is none. */
  get snapshotMax(): number {
    return this.#snapshots.at(-1) ?? 0;
  }

  /** The stripe that a version lies in: how many snapshots do not see it. */
  of(version: number): number {
    const snapshots = this.#snapshots;
    let low = 0;
    let high = snapshots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (snapshots[middle]! < version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
