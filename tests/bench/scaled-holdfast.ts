import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { encodeCheckpoint } from "../../src/protocol/request-encoder.ts";
import { decodeCheckpointed } from "../../src/protocol/response-decoder.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { putRequests } from "./request-kinds.ts";
import { runRequests } from "./run-requests.ts";
import { findEntries } from "./scale-reads.ts";
import { ScaleServer } from "./scale-server.ts";
import { scaledConnections, scaledPipeline, type ScaledSubject } from "./scaled-subject.ts";
import { storeStats, untilSettled } from "./store-stats.ts";
import type { SuiteOptions } from "./suite.ts";

/** Ours, which can be told to move everything out of the log. */
export function scaledHoldfast(options: SuiteOptions): ScaledSubject & { checkpoint(): Promise<void> } {
  const server = new ScaleServer(resolve(options.dataDirectory ?? tmpdir()), options.root);
  let rssPeakBytes = 0;
  const settle = async () => {
    if ((await untilSettled(server.port, settleMsMax)) === undefined)
      throw new Error(`holdfast still flushes or compacts after ${settleMsMax} ms`);
  };
  return {
    name: "holdfast",
    get rssPeakBytes() {
      return rssPeakBytes;
    },
    get rssAnonPeakBytes() {
      return server.rssAnonPeakBytes;
    },
    start: () => server.start(),
    async stop() {
      await server.stop();
    },
    usage() {
      const usage = server.usage();
      rssPeakBytes = Math.max(rssPeakBytes, usage.rssPeakBytes);
      return usage;
    },
    async work() {
      const { flushes, compactions } = await storeStats(server.port);
      return { flushes: Number(flushes ?? 0), compactions: Number(compactions ?? 0) };
    },
    async put(source, meter) {
      const load = { port: server.port, connections: scaledConnections, pipeline: scaledPipeline };
      await runRequests({ ...load, kind: putRequests(), source, meter });
    },
    missing: async (entryNumbers) => (await findEntries(server.port, entryNumbers)).missingCount,
    settle,
    async checkpoint() {
      const connection = await RawConnection.open(server.port);
      const answer = await connection.request(encodeCheckpoint, decodeCheckpointed);
      connection.close();
      if (answer === undefined || answer.refusal !== undefined) throw new Error("The checkpoint was refused");
      await settle();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const settleMsMax = 600_000;
