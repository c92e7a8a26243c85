import { describe, expect, test } from "bun:test";
import { modestVisitsMin, sharedSendBytesMax } from "../../src/lib/limits.ts";
import { BusyServer, greedyPeer } from "./busy-server.ts";
import type { Peer } from "./harness.ts";

// It had nothing more at all until its room was full, a minute later, and was sent away then as one that reads nothing.
describe("a greedy peer that goes on asking, after", () => {
  /** What has left has to wait for a turn, in one of the ways in which that comes about. */
  const cuts: [
    what: string,
    isInstant: boolean,
    cut: (host: BusyServer, peer: Peer, modest: Peer) => void,
  ][] = [
    [
      "its wire was full",
      true,
      (host, peer, modest) => {
        peer.wire.room = 0;
        host.pass(peer.get(3, "a"));
        host.clock.poll();
        visit(host, modest);
        for (let count = 0; count < 300; count++) peer.get(9, "a");
        peer.session!.receive(peer.bytes());
        peer.drain();
      },
    ],
    [
      "an answer that leaves in pieces",
      true,
      (host, peer, modest) => {
        host.pass(modest.put(2, "large", "x".repeat(2 * sharedSendBytesMax)));
        visit(host, modest);
        peer.get(3, "large");
        for (let count = 0; count < 300; count++) peer.get(9, "a");
      },
    ],
    [
      "a sync that returned before its pass was over",
      false,
      (host, peer, modest) => {
        visit(host, modest);
        host.pass(peer.put(3, "b", "1"));
        host.clock.poll();
        peer.session!.receive(peer.get(4, "a").bytes());
        host.store.advance();
      },
    ],
  ];

  const others = [
    ["beside a modest one", true],
    ["once no modest one is there", false],
  ] as const;

  for (const [what, isInstant, cut] of cuts) {
    test.each(others)(`${what}, is answered as others are, %s`, (_where, hasModest) => {
      const host = new BusyServer({ outputDeadlineMs: 3_000 }, isInstant);
      const [peer, modest] = [greedyPeer(host), host.greeted()];
      cut(host, peer, modest);
      // More than a turn has time for.
      const requests = hasModest ? 100 : 500;
      let answered = 0;
      for (let pass = 0; pass < 4_500; pass++) {
        if (!peer.wire.isPaused) for (let count = 0; count < requests; count++) peer.get(9, "a");
        host.pass(peer, ...(hasModest ? [modest.get(2, "a")] : []));
        host.clock.advance(1);
        answered += peer.ids().length;
        modest.take();
      }
      expect(peer.wire.isClosed).toBe(false);
      expect(answered).toBeGreaterThan(0.9 * peer.session!.incoming.requestsTaken);
    });
  }

  function visit(host: BusyServer, modest: Peer): void {
    for (let count = 0; count < modestVisitsMin; count++) host.pass(modest.get(2, "a"));
  }
});
