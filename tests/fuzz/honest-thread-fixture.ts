import { HonestClient } from "./honest-client.ts";
import type { Ask } from "./honest-thread.ts";

/** The honest client's side of honest-thread.ts. */
declare const self: Worker;

let client: HonestClient | undefined;

self.onmessage = async ({ data }: MessageEvent<Ask>) => {
  switch (data.ask) {
    case "start":
      client = await HonestClient.open(data.port, data.seed);
      return self.postMessage("started");
    case "expect the end":
      client!.expectEnd();
      return self.postMessage("expected");
    case "report":
      return self.postMessage(await client!.report());
  }
};
