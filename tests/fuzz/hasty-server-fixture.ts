import { serve } from "../../src/server/serve.ts";

/** The real server, but whoever is sent away leaves at once: a crowd that sends garbage has to come again quickly. */
const dataDirectory = process.argv[process.argv.indexOf("--data") + 1]!;
const log = (level: string) => (msg: string, fields?: object) =>
  console.error(JSON.stringify({ level, msg, ...fields }));
const server = await serve({
  dataDirectory,
  listen: "127.0.0.1:0",
  limits: { evictionsPerSecond: 1_000_000 },
  logger: { info: log("info"), warn: log("warn"), error: log("error") },
});
console.log(`ready tcp://127.0.0.1:${server.port}`);
const fault = await server.fault;
console.error(JSON.stringify({ level: "error", msg: `ended: ${fault.message}` }));
process.exit(70);
