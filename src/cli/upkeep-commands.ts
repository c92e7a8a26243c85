import { jsonFlag, type Command } from "./command.ts";
import { urlFlag, withDatabase } from "./database.ts";
import { exitCode } from "./exit-codes.ts";

export const checkpointCommand: Command = {
  name: "checkpoint",
  summary: "has the server move everything that was written so far from its log into tables",
  operands: [],
  flags: { url: urlFlag, json: jsonFlag },
  details:
    "It happens by itself all the time. Asked for, it makes the next start as short, and the next backup as small, as can be.",
  examples: ["holdfast checkpoint"],

  async run(given, world) {
    const { seq } = await withDatabase(given, world, (database) => database.checkpoint());
    const line = seq === 0 ? "nothing was ever written" : `everything up to seq ${seq} is in tables`;
    await world.output.write(`${given.has("json") ? JSON.stringify({ seq }) : line}\n`);
    return exitCode.ok;
  },
};

export const compactCommand: Command = {
  name: "compact",
  summary: "has the server merge all tables, so that deleted and overwritten entries take no room",
  operands: [],
  flags: { url: urlFlag },
  details:
    "The server goes on serving meanwhile. Waits until it is done, which takes a while for a large store.",
  examples: ["holdfast compact"],

  async run(given, world) {
    await withDatabase(given, world, (database) => database.compact());
    await world.output.write("everything is merged\n");
    return exitCode.ok;
  },
};
