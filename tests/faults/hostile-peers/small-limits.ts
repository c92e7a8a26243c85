import type { ServerLimits } from "../../../src/server/server-limits.ts";

const MiB = 1024 * 1024;

/** Of the server of the tests. */
export const smallLimits = {
  connectionsMax: 300,
  inputBytesTotalMax: 32 * MiB,
  outputBytesTotalMax: 32 * MiB,
  outputBytesMax: 2 * MiB,
  heldWriteDeadlineMs: 3_000,
} satisfies Partial<ServerLimits>;
