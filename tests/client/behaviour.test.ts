import { afterAll, beforeAll, describe, test } from "bun:test";
import * as client from "../../client/client.ts";
import { serve } from "../../src/server/serve.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { behaviours, runBehaviour } from "./behaviours.ts";
import { ScriptedServer } from "./support/scripted-server.ts";

interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

/** The client's behaviour against any server that speaks the protocol. */
function clientBehaves(server: string, start: () => Promise<Started>): void {
  describe(`the client, against ${server}`, () => {
    let started: Started;
    beforeAll(async () => void (started = await start()));
    afterAll(() => started.stop());

    for (const [index, behaviour] of behaviours.entries()) {
      test(behaviour.name, () => runBehaviour(behaviour, client, started.url, `b${index}/`));
    }
  });
}

clientBehaves("a scripted server", async () => {
  const server = new ScriptedServer();
  return { url: server.url, stop: async () => server.stop() };
});

clientBehaves("the server", async () => {
  const directory = temporaryDirectory();
  const server = await serve({ dataDirectory: directory.path, listen: "127.0.0.1:0" });
  return {
    url: `holdfast://127.0.0.1:${server.port}`,
    async stop() {
      await server.close();
      directory[Symbol.dispose]();
    },
  };
});
