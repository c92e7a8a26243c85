import { Buffer } from "node:buffer";
import type { OpenTransport, Transport, TransportEvents } from "../../../client/transport.ts";
import { scriptDefaults, ScriptedSession, type Script } from "./scripted-session.ts";
import { ScriptedStore } from "./scripted-store.ts";

/**
 * A network in memory between a client and a scripted server. Nothing moves by itself unless `isAutomatic`: the test
 * accepts connections, lets the server read, delivers what it answered as it likes, and cuts.
 */
export class MemoryNetwork {
  readonly script: Script = scriptDefaults();
  /** Every attempt to connect, in their order. */
  readonly connections: MemoryConnection[] = [];
  /** Accepts, reads and answers at once. */
  isAutomatic = true;
  /** What becomes of attempts while the network is automatic. */
  isReachable = true;
  readonly store: ScriptedStore;

  constructor(store = new ScriptedStore()) {
    this.store = store;
  }

  readonly open: OpenTransport = (_hostname, _port, events) => {
    const connection = new MemoryConnection(this, events);
    this.connections.push(connection);
    if (this.isAutomatic) {
      queueMicrotask(() => {
        if (this.isReachable) connection.accept();
        else connection.close(new Error("refused"));
      });
    }
    return connection;
  };

  get last(): MemoryConnection {
    return this.connections.at(-1)!;
  }
}

export class MemoryConnection implements Transport {
  /** Each write of the client, as it came. */
  readonly writes: Buffer[] = [];
  /** What the server answered and the client did not get yet: whole frames. */
  outbox: Buffer[] = [];
  /** What `send` answers. */
  isWritable = true;
  /** The client dropped the connection, or said goodbye. */
  isDestroyed = false;
  isEnded = false;

  readonly session: ScriptedSession;
  readonly #network: MemoryNetwork;
  readonly #events: TransportEvents;
  #unread: Buffer[] = [];
  #isClosed = false;

  constructor(network: MemoryNetwork, events: TransportEvents) {
    this.#network = network;
    this.#events = events;
    this.session = new ScriptedSession(network.script, network.store);
  }

  /** Whether the client still hears of this connection. */
  get isAlive(): boolean {
    return !this.isDestroyed && !this.isEnded && !this.#isClosed;
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    const copy = Buffer.from(bytes.subarray(start, end));
    // Its owner may reuse the bytes at once, as the interface says: whoever looks at them later must see it.
    bytes.fill(0xee, start, end);
    this.writes.push(copy);
    this.#unread.push(copy);
    if (this.#network.isAutomatic) queueMicrotask(() => this.exchange());
    return this.isWritable;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  // --- The other side ------------------------------------------------------------------------------------

  accept(): void {
    if (this.isAlive) this.#events.opened();
  }

  /** The server reads what was sent, even by a client that is gone, and puts the answers into the outbox. */
  serve(): void {
    for (const bytes of this.#unread.splice(0)) this.outbox.push(...this.session.receive(bytes));
  }

  /** Delivers bytes to the client. */
  deliver(bytes: Buffer): void {
    if (this.isAlive) this.#events.received(bytes);
  }

  /** The server reads, answers, and the client gets all of it. */
  exchange(): void {
    this.serve();
    const answers = this.outbox.splice(0);
    if (answers.length > 0) this.deliver(Buffer.concat(answers));
  }

  drain(): void {
    this.isWritable = true;
    if (this.isAlive) this.#events.drained();
  }

  close(error?: Error): void {
    if (!this.isAlive) return;
    this.#isClosed = true;
    this.#events.closed(error);
  }
}
