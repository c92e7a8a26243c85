import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { encodeGet, encodeHello, encodePing, encodePut } from "../../src/protocol/request-encoder.ts";
import { serve, type Server, type ServeOptions } from "../../src/server/serve.ts";
import { FakeStore } from "./fake-store.ts";
import { entryOf, versionOf } from "./harness.ts";
import { SocketPeer } from "./socket-peer.ts";

const MiB = 1024 * 1024;
const key = Buffer.from("k");

async function serveFake(options: ServeOptions = {}, store = new FakeStore({ isInstant: true })) {
  const server = await serve({ listen: "127.0.0.1:0", store, ...options });
  return {
    server,
    store,
    async [Symbol.asyncDispose]() {
      await server.close();
    },
  };
}

/** Turns of the event loop pass until it is so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function statOf(server: Server, name: string): number {
  return server.stats()[name] as number;
}

describe("over a socket", () => {
  test("requests are answered, and the server knows its real port", async () => {
    await using host = await serveFake();
    expect(host.server.port).toBeGreaterThan(0);
    expect(host.server.url).toBe(`holdfast://127.0.0.1:${host.server.port}`);
    const peer = await SocketPeer.greeted(host.server.port);
    peer.send((writer) => {
      encodePut(writer, 2, key, Buffer.from("v"));
      encodeGet(writer, 3, key);
    });
    const [written, entry] = await peer.received(2);
    expect(versionOf(written)).toBe(1);
    expect(entryOf(entry)).toEqual({ version: 1, value: "v" });
    peer.end();
    await until(() => statOf(host.server, "connections") === 0);
  });

  // The system took 4 MiB for each of them, until it had none left for the packets of all others.
  test.skipIf(process.platform !== "linux")(
    "a peer that reads nothing fills little of the system's memory",
    async () => {
      await using host = await serveFake();
      const { port } = host.server;
      const writer = await SocketPeer.greeted(port);
      writer.send((to) => encodePut(to, 2, key, Buffer.alloc(8 * MiB)));
      await writer.received(1);
      writer.end();
      const deaf = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      deaf.pause();
      const asked = new ByteWriter();
      encodeHello(asked, 1);
      encodeGet(asked, 2, key);
      deaf.write(asked.bytes.subarray(0, asked.length));
      await until(() => statOf(host.server, "outputBytes") > 0);
      expect(statOf(host.server, "bytesOut")).toBeGreaterThan(0);
      expect(statOf(host.server, "outputBytes")).toBeGreaterThan(7 * MiB);
      deaf.terminate();
    },
  );

  test("values of 16 MiB come and go whole", async () => {
    await using host = await serveFake();
    const peer = await SocketPeer.greeted(host.server.port);
    const value = Buffer.alloc(16 * MiB);
    for (let at = 0; at < value.length; at += 4096) value.writeUInt32BE(at, at);
    peer.send((writer) => {
      encodePut(writer, 2, key, value);
      encodeGet(writer, 3, key);
      encodeGet(writer, 4, key);
      encodePing(writer, 5);
    });
    const responses = await peer.received(4);
    expect(responses.map(({ id }) => id)).toEqual([2, 3, 4, 5]);
    expect(responses[1]!.frame.subarray(-value.length).equals(value)).toBe(true);
    expect(responses[2]!.frame.subarray(-value.length).equals(value)).toBe(true);
    peer.end();
  });

  test("a peer that does not read is not read from, and loses nothing when it reads again", async () => {
    await using host = await serveFake({ limits: { outputBytesMax: 1 * MiB } });
    const peer = await SocketPeer.greeted(host.server.port);
    peer.send((writer) => encodePut(writer, 2, key, Buffer.alloc(100_000)));
    await peer.received(1);

    peer.stopReading();
    const count = 400;
    const asked = peer.bytesReceived;
    for (let id = 3; id < 3 + count; id++) peer.send((writer) => encodeGet(writer, id, key));
    await until(() => statOf(host.server, "outputBytes") > MiB / 2);
    // Others are served meanwhile, and what is held for the one that does not read stays within its bound.
    const other = await SocketPeer.greeted(host.server.port);
    for (let id = 2; id < 100; id++) {
      other.send((writer) => encodePing(writer, id));
      await other.received(id - 1);
      expect(statOf(host.server, "outputBytes")).toBeLessThan(1.2 * MiB);
    }
    // The kernel's buffers hold some MiB, but not the 40 that were asked for.
    expect(host.store.calls.length).toBeLessThan(count / 2);

    peer.goOnReading();
    const responses = await peer.received(count + 1);
    expect(responses.map(({ id }) => id)).toEqual(Array.from({ length: count + 1 }, (_, index) => index + 2));
    expect(peer.bytesReceived - asked).toBeGreaterThan(count * 100_000);
    peer.end();
    other.end();
  });

  test("a peer that ends its side first still gets its answers", async () => {
    const store = new FakeStore();
    await using host = await serveFake({}, store);
    const peer = await SocketPeer.greeted(host.server.port);
    peer.send((writer) => encodePut(writer, 2, key, key));
    peer.shutdown();
    await until(() => store.calls.length === 1);
    store.advance();
    expect((await peer.ended()).map(({ id }) => id)).toEqual([2]);
    await peer.closed;
  });

  test("the reason of an ending arrives, even if the peer goes on writing", async () => {
    await using host = await serveFake();
    const peer = await SocketPeer.greeted(host.server.port);
    peer.sendBytes(Buffer.from([0, 0, 0, 0]));
    peer.sendBytes(Buffer.alloc(4 * MiB));
    expect((await peer.ended()).map(({ error }) => error?.code)).toEqual(["MALFORMED"]);
    await peer.closed;
  });

  test("HTTP gets no answer that it could take for one, and the server goes on", async () => {
    await using host = await serveFake();
    const answer = fetch(`http://127.0.0.1:${host.server.port}/`, { method: "POST", body: "x" });
    await expect(answer).rejects.toThrow();
    await until(() => statOf(host.server, "connectionsEvicted") === 1);
    const peer = await SocketPeer.greeted(host.server.port);
    peer.end();
  });

  test("peers that vanish in the middle of a frame, or of an answer, leave nothing behind", async () => {
    const store = new FakeStore();
    await using host = await serveFake({}, store);
    for (let round = 0; round < 50; round++) {
      const peer = await SocketPeer.greeted(host.server.port);
      peer.send((writer) => encodePut(writer, 2, key, Buffer.alloc(1000)));
      peer.sendBytes(Buffer.from([0, 0, 1]));
      peer.reset();
    }
    await until(() => statOf(host.server, "connections") === 0);
    store.advance();
    expect(host.server.stats()).toMatchObject({ inFlight: 0, outputBytes: 0 });
  });

  test("two thousand connections open, ask, and close", async () => {
    await using host = await serveFake();
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(
        Array.from({ length: 200 }, () => SocketPeer.greeted(host.server.port)),
      );
      for (const peer of peers) peer.send((writer) => encodePing(writer, 2));
      for (const peer of peers) expect((await peer.received(1))[0]!.id).toBe(2);
      for (const peer of peers) peer.end();
    }
    await until(() => statOf(host.server, "connections") === 0);
    expect(statOf(host.server, "connectionsAccepted")).toBe(2_000);
  });

  test("a peer beyond the limit is told so", async () => {
    await using host = await serveFake({ limits: { connectionsMax: 1 } });
    const first = await SocketPeer.greeted(host.server.port);
    const second = await SocketPeer.connect(host.server.port);
    expect((await second.ended()).map(({ error }) => error?.code)).toEqual(["OVERLOADED"]);
    first.end();
  });
});

describe("closing", () => {
  test("answers what was begun, then ends connections, then frees the port", async () => {
    const store = new FakeStore();
    const { server } = await serveFake({}, store);
    const peer = await SocketPeer.greeted(server.port);
    peer.send((writer) => encodePut(writer, 2, key, key));
    await until(() => store.calls.length === 1);
    const closing = server.close();
    expect((await peer.received(1))[0]!.error?.code).toBe("SHUTTING_DOWN");
    peer.send((writer) => encodePut(writer, 3, key, key));
    expect((await peer.received(2))[1]).toMatchObject({ id: 3, error: { code: "SHUTTING_DOWN" } });
    store.advance();
    expect((await peer.ended()).map(({ id }) => id)).toEqual([0, 3, 2]);
    await closing;
    expect(store.isClosed).toBe(true);
    await expect(SocketPeer.connect(server.port)).rejects.toThrow();
  });

  test("after a fault tells every waiting write that its outcome is unknown", async () => {
    const store = new FakeStore();
    const { server } = await serveFake({}, store);
    const peers = await Promise.all([SocketPeer.greeted(server.port), SocketPeer.greeted(server.port)]);
    for (const peer of peers) peer.send((writer) => encodePut(writer, 2, key, key));
    await until(() => store.calls.length === 2);
    const fault = store.fail();
    for (const peer of peers) {
      const [answer] = await peer.ended();
      expect(answer).toMatchObject({ id: 2, error: { code: "STORAGE_FAULT", outcome: "unknown" } });
    }
    expect(await server.fault).toBe(fault);
    await server.closed;
  });
});

describe("serve", () => {
  test("refuses an address that is taken, and closes the store that it had opened", async () => {
    await using host = await serveFake();
    const store = new FakeStore();
    const second = serve({ listen: `127.0.0.1:${host.server.port}`, store });
    await expect(second).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    expect(store.isClosed).toBe(true);
  });

  const refused: [string, ServeOptions][] = [
    ["all interfaces", { listen: "0.0.0.0:0" }],
    ["all interfaces of IPv6", { listen: "[::]:0" }],
    ["a name of another machine", { listen: "example.com:4653" }],
    ["an address of the local network", { listen: "192.168.1.5:4653" }],
  ];
  test.each(refused)("refuses to listen on %s: there is no authentication", async (_name, options) => {
    await expect(serve({ ...options, store: new FakeStore() })).rejects.toThrow("no authentication");
  });

  test("listens where others can connect if that is wanted", async () => {
    await using host = await serveFake({ listen: "0.0.0.0:0", allowRemote: true });
    const peer = await SocketPeer.greeted(host.server.port);
    peer.end();
  });

  const wrong: [string, object][] = [
    ["an address without a port", { listen: "127.0.0.1" }],
    ["a port beyond 65535", { listen: "127.0.0.1:70000" }],
    ["an IPv6 address without brackets", { listen: "::1:4653" }],
    ["an unknown sync", { sync: "sometimes" }],
    ["a sync of no time", { sync: "0ms" }],
    ["a limit that there is not", { limits: { keysMax: 3 } }],
    ["a limit of 0", { limits: { connectionsMax: 0 } }],
    ["a limit beyond the format's", { limits: { keyBytesMax: 65_536 } }],
  ];
  test.each(wrong)("refuses %s before it touches the store", async (_name, options) => {
    const store = new FakeStore();
    await expect(serve({ listen: "127.0.0.1:0", store, ...options })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(store.isClosed).toBe(false);
  });
});
