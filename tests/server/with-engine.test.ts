import { expect, test } from "bun:test";
import { encodeGet, encodePut, encodeStats } from "../../src/protocol/request-encoder.ts";
import { serve } from "../../src/server/serve.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { entryOf, statsOf, versionOf } from "./harness.ts";
import { SocketPeer } from "./socket-peer.ts";

const options = { dataDirectory: "/data", listen: "127.0.0.1:0" };
const key = Buffer.from("k");
const value = Buffer.from("v");

test("what was acknowledged is there when the server starts again", async () => {
  const fileSystem = new MemoryFileSystem();
  for (let boot = 1; boot <= 3; boot++) {
    await using server = await serve({ ...options, fileSystem });
    const peer = await SocketPeer.greeted(server.port);
    peer.send((writer) => {
      encodeGet(writer, 2, key);
      encodePut(writer, 3, key, Buffer.from(`${boot}`));
    });
    const answers = await peer.received(2);
    const entry = entryOf(answers.find(({ id }) => id === 2));
    expect(entry.value).toBe(boot === 1 ? undefined : `${boot - 1}`);
    expect(versionOf(answers.find(({ id }) => id === 3))).toBeGreaterThan(entry.version);
    peer.end();
  }
});

test("no acknowledgement leaves while its sync has not returned", async () => {
  const fileSystem = new MemoryFileSystem();
  await using server = await serve({ ...options, fileSystem });
  const peer = await SocketPeer.greeted(server.port);
  fileSystem.holdSyncs(true);
  peer.send((writer) => encodePut(writer, 2, key, value));
  const sync = await fileSystem.nextHeldSync();

  // Other requests of the same peer are answered meanwhile; what waits, waits.
  for (let id = 3; id < 50; id++) {
    peer.send((writer) => encodeGet(writer, id, Buffer.from("absent")));
    await peer.received(id - 2);
  }
  expect(peer.responses.map(({ id }) => id)).not.toContain(2);

  fileSystem.holdSyncs(false);
  sync.release();
  expect(versionOf((await peer.received(48)).at(-1))).toBe(1);
  peer.end();
});

test("a failed sync makes outcomes unknown, acknowledges nothing, and ends the server with the fault", async () => {
  const fileSystem = new FailingFileSystem(new MemoryFileSystem());
  const server = await serve({ ...options, fileSystem });
  const peers = await Promise.all([1, 2, 3].map(() => SocketPeer.greeted(server.port)));
  fileSystem.inject({ kind: "datasync", at: 1, sticky: true, error: "EIO" });
  for (const peer of peers) {
    peer.send((writer) => {
      for (let id = 2; id < 12; id++) encodePut(writer, id, key, value);
    });
  }
  for (const peer of peers) {
    const answers = await peer.ended();
    expect(answers).toHaveLength(10);
    for (const { error } of answers)
      expect(error).toMatchObject({ code: "STORAGE_FAULT", outcome: "unknown" });
  }
  expect((await server.fault).code).toBe("STORAGE_FAULT");
  await server.closed;
});

test("stats tell of the server and of the engine", async () => {
  await using server = await serve({ ...options, fileSystem: new MemoryFileSystem(), sync: "10ms" });
  const peer = await SocketPeer.greeted(server.port);
  peer.send((writer) => encodeStats(writer, 2));
  const stats = statsOf((await peer.received(1))[0]);
  expect(stats).toMatchObject({ syncMode: "batch", connections: 1, requests: { stats: 1 } });
  expect(stats["store"]).toMatchObject({ currentSeq: 0 });
  peer.end();
});
