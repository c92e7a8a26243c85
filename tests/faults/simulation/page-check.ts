import type { StoreModel } from "../../engine/store-model.ts";

/** What was asked of a scan. */
export interface PageWords {
  readonly start?: string;
  readonly end?: string;
  readonly reverse: boolean;
  readonly limit: number;
}

export interface FoundPage {
  /** Version 0, last: no entry, but the key that the page ended at. */
  readonly found: readonly { key: string; value: string; version: number }[];
  readonly more: boolean;
}

/** Whether a page is the first one of the range in the state of `seq`. */
export function checkPage(
  model: StoreModel,
  words: PageWords,
  pageEntriesMax: number,
  { found, more }: FoundPage,
  seq: number,
): boolean {
  const all = model.scan(words, seq);
  const entries = found.filter(({ version }) => version > 0);
  if (entries.length > all.length || found.length > pageEntriesMax + 1) return false;
  for (const [index, { key, value, version }] of entries.entries()) {
    const [expectedKey, expectedValue] = all[index]!;
    if (key !== expectedKey || value !== expectedValue) return false;
    if (model.get(key, seq)!.version !== version) return false;
  }
  if (words.limit > 0 && entries.length > words.limit) return false;
  const next = all[entries.length]?.[0];
  if (next === undefined) return true;
  if (!more && !(words.limit > 0 && entries.length === words.limit)) return false;
  // Nothing that there was may lie before the key at which the page ended.
  const last = found.at(-1);
  if (last === undefined) return !more;
  return words.reverse ? next < last.key : next > last.key;
}
