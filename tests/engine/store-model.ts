/** A store as simple as can be: every change that was ever made, in order, and what follows from them. */
export class StoreModel {
  #changes: { version: number; key: string; value: string | undefined }[] = [];
  currentSeq = 0;

  /** All operations of one write take effect at its version: the seq of its last record. */
  apply(version: number, operations: readonly { key: string; value?: string }[]): void {
    for (const { key, value } of operations) this.#changes.push({ version, key, value });
    this.currentSeq = version;
  }

  /** Of the newest change; the store gives numbers to records of its own, too. */
  get lastVersion(): number {
    return this.#changes.at(-1)?.version ?? 0;
  }

  /** As it was at `seq`. */
  get(key: string, seq = Infinity): { version: number; value: string } | undefined {
    const change = this.#changes.findLast((candidate) => candidate.key === key && candidate.version <= seq);
    return change?.value === undefined ? undefined : { version: change.version, value: change.value };
  }

  scan(
    words: { start?: string; end?: string; prefix?: string; reverse?: boolean },
    seq = Infinity,
  ): [string, string][] {
    const { start = "", end, prefix = "", reverse = false } = words;
    const found: [string, string][] = [];
    for (const key of new Set(this.#changes.map((change) => change.key))) {
      const entry = this.get(key, seq);
      const inside = key >= start && (end === undefined || key < end) && key.startsWith(prefix);
      if (entry !== undefined && inside) found.push([key, entry.value]);
    }
    // The keys are latin-1, one character a byte, so that strings compare as their bytes do.
    found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return reverse ? found.reverse() : found;
  }

  /** Forgets what a crash took: a batch goes or stays whole, because all of it has one version. */
  goBackTo(seq: number): void {
    this.#changes = this.#changes.filter((change) => change.version <= seq);
    this.currentSeq = seq;
  }
}
