import { expect, test } from "bun:test";
import type { Host } from "./host.ts";
import { linearTicks, logTicks } from "./html-chart.ts";
import { htmlReport } from "./html-report.ts";
import { escapeHtml, html, Html } from "./html-text.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { latenciesOf, type Results } from "./results.ts";

const hostile = `</title><script>alert("1")</script><img src=x onerror='alert(2)'> & "quoted"`;

const host: Host = {
  cpu: "a processor",
  cores: 2,
  memoryBytes: 1e9,
  kernel: "linux",
  bun: "1",
  at: "2026-01-02T03:04:05.678Z",
  syncUs: 1,
  syncP99Us: 2,
  syncMaxUs: 3,
  fileSystem: "ext4",
  isOnDisk: true,
  freeBytes: 1e9,
};

function results(name: string): Results {
  const latencies = new LatencyHistogram();
  for (let ms = 1; ms < 2000; ms++) latencies.record(ms / 10);
  const row = (subject: string, round: number, opsPerSec: number) => ({
    suite: name,
    case: name,
    subject,
    round,
    opsPerSec,
    ...latenciesOf(latencies),
    rssBytes: 2e8,
    cpuPercent: 90,
  });
  const point = (second: number) => ({
    second,
    opsPerSec: 1000 * second,
    p99Ms: second,
    maxMs: 2 * second,
    cpuPercent: 50,
    rssBytes: 1e8,
    flushes: second,
    compactions: second > 3 ? 1 : 0,
  });
  const load = { entries: 1_000_000, perSecond: 500_000, atMs: 2000, store: { flushes: 3 } };
  const common = { suite: name, case: name };
  return {
    host: { ...host, cpu: name, syncs: { [name]: { syncUs: 1, syncP99Us: 2, syncMaxUs: 3 } } },
    rows: [
      row(name, 0, 1000),
      row(name, 1, 3000),
      row("redis", 0, 500),
      { ...row("redis", 0, 5e5), case: `1000000 keys: ${name}` },
      { ...row("redis", 0, 4e5), case: `5000000 keys: ${name}` },
    ],
    ratios: [
      {
        ...common,
        against: name,
        what: name,
        ratio: 4,
        least: 2,
        greatest: 6,
        rounds: 2,
        goal: 2,
        relation: ">=",
        met: true,
      },
    ],
    goals: [
      { ...common, subject: name, what: name, actual: 1, relation: "<", bound: 2, unit: name, met: true },
    ],
    series: [
      { ...common, subject: name, points: [1, 2, 3, 4, 5].map(point) },
      {
        ...common,
        subject: "redis",
        rssAnonPeakBytes: 1e8,
        diskBytes: { wal: 1, tables: 2e8 },
        readyMs: 20,
        points: [load, { ...load, entries: 2_000_000, atMs: 4000, store: { flushes: 5 } }],
      },
    ],
  };
}

test("text from a result never becomes markup", () => {
  const page = htmlReport(results(hostile));
  expect(page).toContain(escapeHtml(hostile));
  expect(page).not.toContain(`alert("1")`);
  expect(page).not.toContain("<img");
  expect(page).not.toContain("onerror='");
  expect(page.match(/<script>/g)?.length).toBe(1);
});

test("a template escapes what is put into it, lists as well, unless it is markup", () => {
  expect(html`<b title="${`"'`}">${["<", new Html("<i>"), 3]}${undefined}</b>`.text).toBe(
    `<b title="&quot;&#39;">&lt;<i>3</b>`,
  );
});

test("a page needs nothing but itself", () => {
  const page = htmlReport(results("a case"));
  expect(page.match(/\b(?:src|href)=|url\(|@import|https?:/g)).toBeNull();
  expect(page.match(/NaN|undefined|Infinity/g)).toBeNull();
});

test("each tag of the page is closed where it was opened", () => {
  const open: string[] = [];
  const page = htmlReport(results("a case")).replace(/<(style|script)>[\s\S]*?<\/\1>|<!doctype html>/g, "");
  const isVoid = (tag: string) => ["meta", "br"].includes(tag);
  for (const [, slash, tag, rest] of page.matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/g)) {
    if (slash === "/") expect(open.pop()).toBe(tag!);
    else if (!rest!.endsWith("/") && !isVoid(tag!)) open.push(tag!);
  }
  expect(open).toEqual([]);
});

test("every kind of thing has its section, and a run without any has a page as well", () => {
  const sections = (page: string) => [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title]) => title);
  const page = htmlReport(results("a case"));
  expect(sections(page)).toEqual(["Goals", "Throughput", "Latency", "Over time", "Cost against size"]);
  // Flushes in all seconds but the first, of which nobody knows; a compaction in the fourth. On four charts.
  expect(page.match(/class="mark flush c\d"/g)?.length).toBe(4 * 4 + 4);
  expect(page.match(/class="mark compaction c\d"/g)?.length).toBe(4);
  const empty = { ...results("a case"), rows: [], ratios: [], goals: [], series: [] };
  expect(sections(htmlReport(empty))).toEqual([]);
});

test("ticks are round, and hold all that is drawn between them", () => {
  const numbers = (ticks: { at: number }[]) => ticks.map(({ at }) => at);
  expect(numbers(linearTicks(8.7, String))).toEqual([0, 2.5, 5, 7.5, 10]);
  expect(numbers(linearTicks(612_000, String))).toEqual([0, 200_000, 400_000, 600_000, 800_000]);
  expect(numbers(linearTicks(0, String)).length).toBeGreaterThan(1);
  expect(numbers(logTicks([0.3, 40, 0], String))).toEqual([0.1, 1, 10, 100]);
  expect(numbers(logTicks([], String))).toEqual([1, 10]);
});
