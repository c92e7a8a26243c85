import { expect, test } from "bun:test";
import { TurnEnd } from "../../src/server/turn-end.ts";
import { TestServer } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

test("answers leave when all that could be read was read, and not before; those of one peer in one write", () => {
  const host = new TestServer();
  const [one, other] = [host.greeted(), host.greeted()];
  for (const peer of [one, other]) peer.take();
  const writes = host.server.statistics.socketWrites;
  one.session!.receive(one.get(2, "a").bytes());
  other.session!.receive(other.get(2, "a").bytes());
  one.session!.receive(one.get(3, "b").bytes());
  expect([one.ids(), other.ids()]).toEqual([[], []]);
  host.server.turnEnd.end();
  expect([one.ids(), other.ids()]).toEqual([[2, 3], [2]]);
  expect(host.server.statistics.socketWrites - writes).toBe(2);
});

test("large answers need not wait for the end of the turn", () => {
  const host = new TestServer();
  const peer = host.greeted();
  peer.put(2, "large", "x".repeat(100_000)).send();
  host.store.advance();
  peer.take();
  peer.session!.receive(peer.get(3, "large").bytes());
  expect(peer.ids()).toEqual([3]);
});

test("a peer that is gone at the end of the turn is not written to", () => {
  const host = new TestServer();
  const peer = host.greeted();
  peer.take();
  peer.session!.receive(peer.get(2, "a").bytes());
  peer.wire.terminate();
  peer.session!.closed();
  host.server.turnEnd.end();
  expect(peer.ids()).toEqual([]);
});

test("who comes at the end of a turn has the next one", () => {
  const clock = new ManualClock();
  const turnEnd = new TurnEnd(clock);
  const called: string[] = [];
  const late = { turnEnded: () => called.push("late") };
  turnEnd.add({ turnEnded: () => (called.push("first"), turnEnd.add(late)) });
  turnEnd.add({ turnEnded: () => called.push("second") });
  expect(clock.poll()).toBe(2);
  expect(called).toEqual(["first", "second", "late"]);
  expect(clock.poll()).toBe(0);
});
