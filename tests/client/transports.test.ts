import { describe, expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { openBunTransport } from "../../client/transport-bun.ts";
import { openNodeTransport } from "../../client/transport-node.ts";
import type { OpenTransport, Transport } from "../../client/transport.ts";
import { connectWithin } from "../../client/connect.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { eventually } from "../support/eventually.ts";
import { ScriptedServer } from "./support/scripted-server.ts";

const transports: { name: string; open: OpenTransport }[] = [
  { name: "Bun's", open: openBunTransport },
  { name: "Node's", open: openNodeTransport },
];

for (const { name, open } of transports) {
  describe(`the transport over ${name} sockets`, () => {
    test("sends every byte once and in order to a peer that reads slowly", async () => {
      await using peer = new Peer();
      const { transport, events } = connectTo(open, peer.port);
      await eventually("it is open", () => events.opened === 1);
      peer.pause();
      const sent = Buffer.allocUnsafe(8 * 1024 * 1024);
      for (let offset = 0; offset < sent.length; offset += 4) sent.writeUInt32BE(offset, offset);
      let accepted = true;
      for (let offset = 0; offset < sent.length; offset += 65_536) {
        // Out of the middle of a buffer whose other bytes are nobody's, and which is used again at once.
        const bytes = Buffer.alloc(65_536 + 20, 0xff);
        sent.copy(bytes, 10, offset, offset + 65_536);
        accepted = transport.send(bytes, 10, 10 + 65_536);
        bytes.fill(0);
      }
      expect(accepted).toBe(false);
      expect(events.drained).toBe(0);
      peer.resume();
      await eventually("all bytes came", () => peer.received === sent.length);
      expect(Buffer.concat(peer.chunks).equals(sent)).toBe(true);
      await eventually("it drained", () => events.drained === 1);
      expect(transport.send(Buffer.from("more"), 0, 4)).toBe(true);
      transport.destroy();
    });

    test("sends what is left before it says goodbye", async () => {
      await using peer = new Peer();
      const { transport, events } = connectTo(open, peer.port);
      await eventually("it is open", () => events.opened === 1);
      peer.pause();
      transport.send(Buffer.alloc(4 * 1024 * 1024, 1), 0, 4 * 1024 * 1024);
      transport.end();
      peer.resume();
      await eventually("the peer knows of the end", () => peer.opened > 0 && peer.closed === peer.opened);
      expect(peer.received).toBe(4 * 1024 * 1024);
    });

    test("says once that nobody listens", async () => {
      const peer = new Peer();
      const { port } = peer;
      await peer[Symbol.asyncDispose]();
      const { events } = connectTo(open, port);
      await eventually("it is told of the end", () => events.closed.length === 1);
      expect(events.closed[0]).toBeInstanceOf(Error);
      await Bun.sleep(20);
      expect(events).toMatchObject({ opened: 0, drained: 0, received: 0 });
      expect(events.closed.length).toBe(1);
    });

    test("says once that the peer closed", async () => {
      await using peer = new Peer();
      const { events } = connectTo(open, peer.port);
      await eventually("both sides are open", () => events.opened === 1 && peer.isOpen);
      peer.close();
      await eventually("it is told of the end", () => events.closed.length === 1);
    });

    test("says nothing any more once it was destroyed", async () => {
      await using peer = new Peer();
      const early = connectTo(open, peer.port);
      early.transport.destroy();
      const late = connectTo(open, peer.port);
      await eventually("both sides are open", () => late.events.opened === 1 && peer.isOpen);
      late.transport.destroy();
      await eventually("the peer knows of both ends", () => peer.opened > 0 && peer.closed === peer.opened);
      await Bun.sleep(20);
      expect(early.events).toMatchObject({ opened: 0, closed: [] });
      expect(late.events.closed).toEqual([]);
    });

    test("carries a client through a server that goes and comes back", async () => {
      await using server = new ScriptedServer();
      const runtime = { clock: systemClock, random: seededRandom(1), openTransport: open };
      const db = await connectWithin(runtime, server.url, {});
      const values = Array.from({ length: 200 }, (_, index) => index);
      for (let round = 0; round < 5; round++) {
        await Promise.all(values.map((index) => db.put(`k${index}`, index + round)));
        if (round % 2 === 0) {
          server.drop();
        } else {
          server.stop();
          server.restart();
        }
        expect(await db.getMany(values.map((index) => `k${index}`))).toEqual(
          values.map((index) => index + round),
        );
      }
      expect(server.connectionsAccepted).toBe(6);
      await db.close();
    });
  });
}

interface Recorded {
  opened: number;
  received: number;
  drained: number;
  closed: (Error | undefined)[];
}

function connectTo(open: OpenTransport, port: number): { transport: Transport; events: Recorded } {
  const events: Recorded = { opened: 0, received: 0, drained: 0, closed: [] };
  const transport = open("127.0.0.1", port, {
    opened: () => events.opened++,
    received: (bytes) => (events.received += bytes.length),
    drained: () => events.drained++,
    closed: (error) => events.closed.push(error),
  });
  return { transport, events };
}

/** The other end of one connection, which reads when it is told to. */
class Peer {
  readonly chunks: Buffer[] = [];
  received = 0;
  opened = 0;
  closed = 0;
  #socket: Bun.Socket | undefined;
  readonly #listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        this.opened++;
        this.#socket = socket;
      },
      data: (_socket, bytes) => {
        this.chunks.push(Buffer.from(bytes));
        this.received += bytes.length;
      },
      close: () => void this.closed++,
      error: () => {},
    },
  });

  get port(): number {
    return this.#listener.port;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  pause(): void {
    this.#socket!.pause();
  }

  resume(): void {
    this.#socket!.resume();
  }

  close(): void {
    this.#socket!.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.stop(true);
  }
}
