import { serve } from "../../../src/server/serve.ts";
import { smallLimits } from "./small-limits.ts";

/** The real server with limits so small that a few seconds of an attack reach them. */
const dataDirectory = process.argv[process.argv.indexOf("--data") + 1]!;
const rateMax = process.env["HOLDFAST_GREEDY_WRITE_RATE_MAX"];
const limits = { ...smallLimits, ...(rateMax && { greedyWriteBytesPerSecondMax: Number(rateMax) }) };
const server = await serve({ dataDirectory, listen: "127.0.0.1:0", limits });
console.log(`ready tcp://127.0.0.1:${server.port}`);
