import type { OpenTransport } from "./transport.ts";

/** The adapter for this run time: only that one is loaded, because the others' imports may not exist here. */
export async function loadTransport(): Promise<OpenTransport> {
  if ("Bun" in globalThis) return (await import("./transport-bun.ts")).openBunTransport;
  return (await import("./transport-node.ts")).openNodeTransport;
}
