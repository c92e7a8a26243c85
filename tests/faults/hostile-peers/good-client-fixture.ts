import { join } from "node:path";
import { tickMs } from "../../bench/schedule.ts";
import { GoodClient, type GoodClientOptions } from "./good-client.ts";

/** The process of the good client. A thread of its own says when a tick is due. */
const client = await GoodClient.open(JSON.parse(process.argv[2]!) as GoodClientOptions);
const ticker = new Worker(join(import.meta.dir, "../../bench/ticker-fixture.ts"));
let isRunning = true;
ticker.onmessage = () => {
  if (isRunning) client.tick(performance.now());
};
ticker.postMessage(tickMs);
process.on("disconnect", () => process.exit(0));
process.on("message", async (ask: "window" | "end") => {
  if (ask === "end") {
    isRunning = false;
    while (client.inFlight > 0 && client.failure === undefined) await Bun.sleep(1);
  }
  process.send!({
    ...client.takeWindow(),
    failure: client.failure?.message,
    ...(ask === "end" ? { acknowledged: [...client.acknowledged] } : {}),
  });
});
process.send!("ready");
