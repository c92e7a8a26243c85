import { modestEffortMax } from "../../src/lib/limits.ts";
import { TestServer, type Peer } from "./harness.ts";

/** A server whose store takes some time for each request, by a clock that nothing else moves. */
export class BusyServer extends TestServer {
  readonly requestMs = 0.01;

  constructor(limits: ConstructorParameters<typeof TestServer>[0] = {}, isInstant = true) {
    super(limits, { isInstant });
    const { store } = this;
    for (const name of ["get", "put"] as const) {
      const method = store[name];
      store[name] = (...words: unknown[]) => {
        this.clock.nowMs += this.requestMs;
        (method as (...words: unknown[]) => void).apply(store, words);
      };
    }
  }

  /** One pass of the event loop: what these peers send is read, answers leave, and who waits has its turn. */
  pass(...sending: Peer[]): void {
    for (const peer of sending) {
      const bytes = peer.bytes();
      if (bytes.length > 0) peer.session!.receive(bytes);
    }
    this.server.turnEnd.end();
    this.clock.pass();
  }
}

/** A peer that has asked for much, and is known for it. */
export function greedyPeer(host: TestServer): Peer {
  const peer = host.greeted();
  for (let count = 0; count < modestEffortMax; count++) peer.get(2, "a");
  peer.send().poll();
  peer.take();
  return peer;
}
