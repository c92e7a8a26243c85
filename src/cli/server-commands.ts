import { hexOf } from "./bytes-text.ts";
import { jsonFlag, type Command } from "./command.ts";
import { urlFlag, withDatabase } from "./database.ts";
import { exitCode } from "./exit-codes.ts";

export const pingCommand: Command = {
  name: "ping",
  summary: "asks the server for a sign of life",
  operands: [],
  flags: { url: urlFlag, json: jsonFlag },
  examples: ["holdfast ping", "holdfast ping --url holdfast://127.0.0.1:4653"],

  async run(given, world) {
    const { clock, output } = world;
    await withDatabase(given, world, async (database) => {
      const startedMs = clock.monotonicMs();
      await database.ping();
      const roundTripMs = Number((clock.monotonicMs() - startedMs).toFixed(3));
      const { syncMode } = database;
      await output.write(
        given.has("json")
          ? `${JSON.stringify({ roundTripMs, syncMode, storeId: hexOf(database.storeId) })}\n`
          : `the server answers in ${roundTripMs} ms; its sync mode is ${syncMode}\n`,
      );
    });
    return exitCode.ok;
  },
};

export const statsCommand: Command = {
  name: "stats",
  summary: "prints what the server counts and measures",
  operands: [],
  flags: { url: urlFlag, json: jsonFlag },
  details: "One line a number: its name, a tab, and what it is. --json prints one object.",
  examples: ["holdfast stats", "holdfast stats --json"],

  async run(given, world) {
    const { output } = world;
    const stats = await withDatabase(given, world, (database) => database.stats());
    if (given.has("json")) {
      await output.write(`${JSON.stringify(stats)}\n`);
      return exitCode.ok;
    }
    const rows = flatten(stats, "");
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) {
      await output.write(output.isTerminal ? `${name.padEnd(width)}  ${value}\n` : `${name}\t${value}\n`);
    }
    return exitCode.ok;
  },
};

/** { requests: { get: 5 } } becomes requests.get 5. */
function flatten(map: object, prefix: string): [name: string, value: string][] {
  return Object.entries(map).flatMap(([name, value]): [string, string][] => {
    if (value instanceof Uint8Array) return [[prefix + name, hexOf(value)]];
    if (typeof value === "object" && value !== null) return flatten(value, `${prefix}${name}.`);
    return [[prefix + name, String(value)]];
  });
}
