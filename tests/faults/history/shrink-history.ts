import type { History, HistoryEvent } from "./history.ts";
import { violationIn } from "./linearizability.ts";
import { looksOf, removableWrites, upTo, without, withoutKey } from "./reduce-history.ts";

/**
 * A small part of a failing history that fails by itself. Every step takes something away that no store could need for
 * its excuse (reduce-history.ts), so what is left is a violation of the same store, and not of the shrinking.
 */
export function shrinkHistory(
  history: History,
  isFailing: (history: History) => boolean = (candidate) => violationIn(candidate) !== undefined,
): History {
  let shrunk = shortestPrefix(history, isFailing);
  for (let size = Infinity; shrunk.operations.length < size;) {
    size = shrunk.operations.length;
    for (const key of keysOf(shrunk)) {
      const candidate = withoutKey(shrunk, key);
      if (isFailing(candidate)) shrunk = candidate;
    }
    shrunk = withoutAllOf(shrunk, looksOf, isFailing);
    shrunk = withoutAllOf(shrunk, removableWrites, isFailing);
  }
  return { ...shrunk, events: eventsWorthTelling(shrunk) };
}

/** Of events between which nobody did anything, the last two: how a life ended, and how the next one began. */
function eventsWorthTelling({ operations, events }: History): HistoryEvent[] {
  const told: HistoryEvent[] = [];
  let silent: HistoryEvent[] = [];
  for (const [index, event] of events.entries()) {
    silent.push(event);
    const next = events[index + 1]?.at ?? Infinity;
    if (!operations.some(({ invoked }) => invoked > event.at && invoked < next)) continue;
    told.push({
      ...event,
      what: silent
        .slice(-2)
        .map(({ what }) => what)
        .join("; "),
    });
    silent = [];
  }
  return told;
}

/** What fails up to a moment fails up to every later one, so that halving finds the first. */
function shortestPrefix(history: History, isFailing: (history: History) => boolean): History {
  const moments = history.operations
    .map(({ returned }) => returned)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  let low = 0;
  let high = moments.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isFailing(upTo(history, moments[middle]!))) high = middle;
    else low = middle + 1;
  }
  const prefix = upTo(history, moments[low] ?? Infinity);
  return isFailing(prefix) ? prefix : history;
}

/** Takes away as many of these operations as it can, in chunks that get smaller and smaller. */
function withoutAllOf(
  history: History,
  candidatesOf: (history: History) => number[],
  isFailing: (history: History) => boolean,
): History {
  let left = history;
  for (let chunk = candidatesOf(left).length; chunk >= 1; chunk = Math.floor(chunk / 2)) {
    for (let at = 0; ;) {
      const ids = candidatesOf(left).slice(at, at + chunk);
      if (ids.length === 0) break;
      const candidate = without(left, ids);
      if (isFailing(candidate)) left = candidate;
      else at += chunk;
    }
  }
  return left;
}

function keysOf({ operations }: History): Set<string> {
  const keys = new Set<string>();
  for (const { call, outcome } of operations) {
    if (call.kind === "write") for (const { key } of call.operations) keys.add(key);
    if (outcome.kind === "shown") for (const key of outcome.entries.keys()) keys.add(key);
  }
  return keys;
}
