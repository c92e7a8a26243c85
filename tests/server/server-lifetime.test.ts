import { describe, expect, test } from "bun:test";
import { HoldfastError } from "../../src/lib/errors.ts";
import { TestServer } from "./harness.ts";

const limits = { drainGraceMs: 50, drainDeadlineMs: 10_000, faultDeadlineMs: 1_000, lingerDeadlineMs: 2_000 };

describe("close", () => {
  test("with nobody connected closes the store and is done", async () => {
    const host = new TestServer(limits);
    await host.server.close();
    expect(host.isListening).toBe(false);
    expect(host.store.isClosed).toBe(true);
    await host.server.closed;
  });

  test("tells peers, refuses new requests by name, and answers what was begun when it is durable", async () => {
    const host = new TestServer(limits);
    const [writer, idle, stranger] = [host.greeted(), host.greeted(), host.connect()];
    writer.put(2, "a", "1").send();

    const closing = host.server.close();
    expect(writer.errors()).toEqual(["0 SHUTTING_DOWN"]);
    expect(idle.errors()).toEqual(["0 SHUTTING_DOWN"]);
    expect(stranger.errors()).toEqual(["0 SHUTTING_DOWN"]);
    expect(stranger.wire.events).toEqual(["shutdown"]);
    idle.put(3, "a", "2").ping(4).send();
    expect(idle.errors()).toEqual(["3 SHUTTING_DOWN", "4 SHUTTING_DOWN"]);
    expect(host.store.calls).toEqual(["put a"]);

    await host.passTime(50);
    expect([writer.wire.events, idle.wire.events]).toEqual([[], ["shutdown"]]);
    host.store.advance();
    expect(writer.errors()).toEqual(["2 OK"]);
    expect(writer.wire.events).toEqual(["shutdown"]);

    expect(host.store.isClosed).toBe(false);
    for (const peer of [writer, idle, stranger]) peer.end();
    await closing;
    expect(host.store.isClosed).toBe(true);
    expect(host.logged.filter(({ level }) => level !== "info")).toEqual([]);
  });

  test("refuses by name also what a stalled peer had sent before", async () => {
    const host = new TestServer({ ...limits, inFlightRequestsMax: 2 });
    const peer = host.greeted();
    for (let id = 2; id <= 5; id++) peer.put(id, "a", "1");
    peer.send();
    const closing = host.server.close();
    expect(peer.errors()).toEqual(["0 SHUTTING_DOWN", "4 SHUTTING_DOWN", "5 SHUTTING_DOWN"]);
    expect(host.store.calls).toHaveLength(2);
    host.store.advance();
    expect(peer.errors()).toEqual(["2 OK", "3 OK"]);
    peer.end();
    await closing;
  });

  test("does not wait for ever for a peer that takes nothing", async () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    peer.wire.room = 0;
    const closing = host.server.close();
    await host.passTime(50);
    await host.passTime(9_000);
    expect(peer.wire.isClosed).toBe(false);
    await host.passTime(1_000);
    expect(peer.wire.events).toEqual(["terminate"]);
    await closing;
  });

  test("is done once, however often it is called, also by disposal", async () => {
    const host = new TestServer(limits);
    const closing = host.server.close();
    expect(host.server.close()).toBe(closing);
    await host.server[Symbol.asyncDispose]();
  });

  test("accepts nobody more, and rejects with what the store says when its last sync fails", async () => {
    const host = new TestServer(limits);
    host.store.closing = Promise.reject(new HoldfastError("STORAGE_FAULT", "the disk is gone"));
    const closing = host.server.close();
    expect(host.connect().session).toBeUndefined();
    await expect(closing).rejects.toThrow("the disk is gone");
    await host.server.closed;
  });
});

describe("a store that fails", () => {
  test("makes every waiting write's outcome unknown, and acknowledges none", async () => {
    const host = new TestServer(limits);
    const [writer, reader] = [host.greeted(), host.greeted()];
    writer.put(2, "a", "1").put(70_000, "b", "2").send();
    reader.get(3, "a").send();
    const fault = host.store.fail();
    writer.put(4, "c", "3").send();
    host.clock.poll();

    const answers = writer.take();
    expect(answers.map(({ id, error }) => [id, error?.code, error?.outcome])).toEqual([
      [2, "STORAGE_FAULT", "unknown"],
      [70_000, "STORAGE_FAULT", "unknown"],
    ]);
    expect(answers[0]!.error!.message).toBe(fault.message);
    expect(reader.errors()).toEqual(["3 STORAGE_FAULT"]);
    expect(host.store.calls).toEqual(["put a", "put b", "get a"]);
    expect(host.server.stats()).toMatchObject({ errors: { STORAGE_FAULT: 3 } });

    // Even if the store claims otherwise later.
    host.store.advance();
    expect([...writer.ids(), ...reader.ids()]).toEqual([]);
    for (const peer of [writer, reader]) peer.end();
    expect(await host.server.fault).toBe(fault);
    await host.server.closed;
    expect(host.isListening).toBe(false);
  });

  test("is told within the deadline, also to peers that don't close, and to those that take nothing", async () => {
    const host = new TestServer(limits);
    const [patient, deaf] = [host.greeted(), host.greeted()];
    deaf.wire.room = 0;
    for (const peer of [patient, deaf]) peer.put(2, "a", "1").send();
    host.store.fail();
    host.clock.poll();
    expect(patient.errors()).toEqual(["2 STORAGE_FAULT"]);
    await host.passTime(1_000);
    await host.server.fault;
    expect([patient.wire.isClosed, deaf.wire.isClosed]).toEqual([true, true]);
  });

  test("lets out what it refuses in the same turn", async () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    host.store.isSlow = true;
    peer.put(2, "a", "1").send();
    host.store.fail();
    host.store.answerAll();
    host.clock.poll();
    expect(peer.errors()).toEqual(["2 STORAGE_FAULT"]);
    peer.end();
    await host.server.fault;
  });

  test("does not keep those waiting whom it will never answer", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    host.store.isSlow = true;
    peer.put(2, "a", "1").send();
    host.store.fail();
    host.clock.poll();
    expect(peer.wire.events).toEqual(["shutdown"]);
  });

  test("and then hangs does not keep the process", async () => {
    const host = new TestServer(limits);
    host.store.closing = new Promise(() => {});
    const fault = host.store.fail();
    await host.passTime(0);
    await host.passTime(1_000);
    expect(await host.server.fault).toBe(fault);
  });

  test("while it closes ends with the fault", async () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    peer.put(2, "a", "1").send();
    const ends: string[] = [];
    const closing = host.server.close().then(() => ends.push("closed"));
    const told = host.server.fault.then(() => ends.push("fault"));
    host.store.fail();
    host.clock.poll();
    expect(peer.errors()).toEqual(["0 SHUTTING_DOWN", "2 STORAGE_FAULT"]);
    peer.end();
    await Promise.all([closing, told]);
    expect(ends).toEqual(["fault", "closed"]);
  });

  test("by throwing, against its contract, ends the server like a fault", async () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    peer.put(2, "a", "1").send();
    host.store.bug = new Error("an invariant is broken");
    peer.get(3, "a").send();
    host.clock.poll();
    await host.passTime(1_000);
    expect((await host.server.fault).message).toContain("an invariant is broken");
    expect(peer.errors()).toEqual(["2 INTERNAL"]);
    expect(host.logged).toMatchObject([{ level: "error", fields: { code: "INTERNAL" } }]);
  });
});

describe("connections", () => {
  test("beyond the limit are turned away with the reason; one that ends makes room", () => {
    const host = new TestServer({ connectionsMax: 2 });
    const [first] = [host.greeted(), host.greeted()];
    const third = host.connect();
    expect(third.session).toBeUndefined();
    expect(third.take()[0]).toMatchObject({ id: 0, error: { code: "OVERLOADED", details: [2] } });
    expect(third.wire.events).toEqual(["end"]);
    first.end();
    host.greeted();
    expect(host.server.stats()).toMatchObject({
      connections: 2,
      connectionsAccepted: 3,
      connectionsRefused: 1,
    });
  });

  test("that come and go by the thousand leave nothing behind", () => {
    const host = new TestServer({}, { isInstant: true });
    for (let count = 0; count < 5_000; count++) {
      const peer = host.greeted();
      peer.put(2, "a", "1").get(3, "a");
      peer.sendBytes(peer.bytes().subarray(0, 5 + (count % 30)));
      if (count % 3 === 0) peer.end();
      else peer.wire.terminate();
    }
    expect(host.server.stats()).toMatchObject({ connections: 0, inFlight: 0, outputBytes: 0 });
    expect(host.clock.alarmCount).toBe(0);
    expect(host.store.waiterCount).toBe(0);
  });
});
