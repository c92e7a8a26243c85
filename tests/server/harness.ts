import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import {
  encodeBatch,
  encodeCheckpoint,
  encodeCloseSnapshot,
  encodeCompact,
  encodeDelete,
  encodeGet,
  encodeGetMany,
  encodeHello,
  encodeOpenSnapshot,
  encodePing,
  encodePut,
  encodeRenewSnapshot,
  encodeScan,
  encodeStats,
  type BatchOperation,
  type HelloOptions,
  type PutOptions,
  type ScanOptions,
} from "../../src/protocol/request-encoder.ts";
import {
  decodeCheckpointed,
  decodeDone,
  decodeEntry,
  decodeError,
  decodeHelloReply,
  decodeSnapshot,
  decodeStats,
  decodeWritten,
  PageCursor,
  readHead,
  ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import type { LogFields } from "../../src/server/logger.ts";
import { resolveLimits, type ServerLimits } from "../../src/server/server-limits.ts";
import { RunningServer } from "../../src/server/server.ts";
import type { Session } from "../../src/server/session.ts";
import { TurnEnd } from "../../src/server/turn-end.ts";
import type { Wire } from "../../src/server/wire.ts";
import { FakeStore, type FakeStoreOptions } from "./fake-store.ts";
import { FakeWire } from "./fake-wire.ts";
import { ManualClock } from "./manual-clock.ts";

/** A server without a network, on a store whose durability and a clock whose time the test advances. */
export class TestServer {
  readonly clock = new ManualClock();
  readonly store: FakeStore;
  readonly server: RunningServer;
  readonly logged: { level: string; message: string; fields: LogFields | undefined }[] = [];
  isListening = true;
  #accept!: (wire: Wire) => Session | undefined;

  constructor(limits: Partial<ServerLimits> = {}, storeOptions: FakeStoreOptions = {}) {
    this.store = new FakeStore(storeOptions);
    const log = (level: string) => (message: string, fields?: LogFields) => {
      this.logged.push({ level, message, fields });
    };
    this.server = new RunningServer({
      store: this.store,
      listen: (accept) => {
        this.#accept = accept;
        return { hostname: "test", port: 1, stop: () => (this.isListening = false) };
      },
      limits: resolveLimits(limits),
      logger: { info: log("info"), warn: log("warn"), error: log("error") },
      clock: this.clock,
      random: seededRandom(1),
      turnEnd: new TurnEnd({ afterPoll: () => {} }),
    });
  }

  /** A peer that has said nothing yet. */
  connect(): Peer {
    const wire = new FakeWire();
    return new Peer(this, wire, this.#accept(wire));
  }

  /** Time passes, and everything that it brings about happens. */
  async passTime(ms: number): Promise<void> {
    this.clock.advance(ms);
    // A turn of the real event loop: by then all promises that the time resolved have run on.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** A peer that was greeted. */
  greeted(): Peer {
    const peer = this.connect();
    peer.hello(1);
    peer.send();
    // Strangers share a budget a pass, and the next pass begins here.
    this.clock.pass();
    peer.take();
    return peer;
  }
}

/** The first bytes of a frame that is longer than they are. */
export function unfinishedFrame(bytes: number): Buffer {
  const frame = Buffer.alloc(bytes);
  frame.writeUInt32BE(1024 * 1024, 0);
  return frame;
}

/** A response's head, and its body if it is an error. */
export interface TestResponse {
  readonly id: number;
  readonly status: number;
  readonly frame: Buffer;
  error?: { code: string; message: string; outcome: string; details: number[] };
}

/** A client's end: encodes requests into one buffer, `send`s them in one chunk, and reads what comes back. */
export class Peer {
  readonly #server: TestServer;
  readonly wire: FakeWire;
  readonly session: Session | undefined;
  readonly #writer = new ByteWriter();
  readonly #frames = new FrameDecoder(0xffff_ffff);

  constructor(server: TestServer, wire: FakeWire, session: Session | undefined) {
    this.#server = server;
    this.wire = wire;
    this.session = session;
    wire.onClosed = () => session?.closed();
  }

  hello(id: number, options: HelloOptions = {}): this {
    encodeHello(this.#writer, id, options);
    return this;
  }

  ping(id: number): this {
    encodePing(this.#writer, id);
    return this;
  }

  get(id: number, key: string, snapshotId?: number): this {
    encodeGet(this.#writer, id, Buffer.from(key), snapshotId);
    return this;
  }

  getMany(id: number, keys: readonly string[], snapshotId?: number): this {
    encodeGetMany(this.#writer, id, keys.map(toBytes), snapshotId);
    return this;
  }

  put(id: number, key: string, value: string, options: PutOptions = {}): this {
    encodePut(this.#writer, id, Buffer.from(key), Buffer.from(value), options);
    return this;
  }

  delete(id: number, key: string, ifVersion?: number): this {
    encodeDelete(this.#writer, id, Buffer.from(key), { ifVersion });
    return this;
  }

  batch(id: number, ...operations: BatchOperation[]): this {
    encodeBatch(this.#writer, id, operations);
    return this;
  }

  scan(id: number, options: ScanOptions = {}): this {
    encodeScan(this.#writer, id, options);
    return this;
  }

  openSnapshot(id: number, leaseMs = 0): this {
    encodeOpenSnapshot(this.#writer, id, leaseMs);
    return this;
  }

  renewSnapshot(id: number, snapshotId: number, leaseMs = 0): this {
    encodeRenewSnapshot(this.#writer, id, snapshotId, leaseMs);
    return this;
  }

  closeSnapshot(id: number, snapshotId: number): this {
    encodeCloseSnapshot(this.#writer, id, snapshotId);
    return this;
  }

  checkpoint(id: number): this {
    encodeCheckpoint(this.#writer, id);
    return this;
  }

  compact(id: number): this {
    encodeCompact(this.#writer, id);
    return this;
  }

  stats(id: number): this {
    encodeStats(this.#writer, id);
    return this;
  }

  raw(...bytes: number[]): this {
    this.#writer.copy(Buffer.from(bytes), 0, bytes.length);
    return this;
  }

  /** What was encoded and not sent yet. */
  bytes(): Buffer {
    const bytes = Buffer.from(this.#writer.bytes.subarray(0, this.#writer.length));
    this.#writer.clear();
    return bytes;
  }

  /** Sends what was encoded, in one chunk. */
  send(): this {
    return this.sendBytes(this.bytes());
  }

  /** Nobody else is heard in the same turn of the event loop. */
  sendBytes(bytes: Buffer): this {
    this.session!.receive(bytes);
    this.#server.server.turnEnd.end();
    return this;
  }

  /** Ends its side of the connection. */
  end(): this {
    this.session!.ended();
    return this;
  }

  /** The bytes are taken from the wire, so that there is room again. */
  drain(room = Infinity): this {
    this.wire.room = room;
    this.session!.drained();
    return this;
  }

  /** What has come back since the last call. A rest that is no whole frame is kept for the next. */
  take(): TestResponse[] {
    const taken: TestResponse[] = [];
    this.#frames.push(this.wire.take());
    while (this.#frames.next()) {
      const { bytes, start, end } = this.#frames;
      taken.push(toResponse(Buffer.from(bytes.subarray(start, end))));
    }
    return taken;
  }

  /** The ids of what has come back. */
  ids(): number[] {
    return this.take().map((response) => response.id);
  }

  /** The ids and codes of the errors that have come back. */
  errors(): string[] {
    return this.take().map(({ id, error }) => `${id} ${error?.code ?? "OK"}`);
  }

  /** Lets turns of the event loop pass. */
  poll(): this {
    this.#server.clock.poll();
    return this;
  }
}

export function toResponse(frame: Buffer): TestResponse {
  const head = new ResponseHead();
  readHead(frame, 0, frame.length, head);
  const response: TestResponse = { id: head.correlationId, status: head.status, frame };
  if (head.status !== 0) {
    const { code, message, outcome, details } = decodeError(frame, head);
    response.error = { code, message, outcome, details };
  }
  return response;
}

export function versionOf(response: TestResponse | undefined): number {
  return decodeWritten(response!.frame, headOf(response!.frame));
}

export function entryOf(response: TestResponse | undefined): { version: number; value: string | undefined } {
  const { frame } = response!;
  const entry = { version: 0, valueStart: 0, valueEnd: 0 };
  decodeEntry(frame, headOf(frame), entry);
  const value = entry.version === 0 ? undefined : frame.toString("latin1", entry.valueStart, entry.valueEnd);
  return { version: entry.version, value };
}

export function pageOf(response: TestResponse | undefined, kind: "scan" | "getMany") {
  const { frame } = response!;
  const page = new PageCursor();
  page.decode(frame, headOf(frame), kind);
  const entries: { key?: string; version: number; value: string }[] = [];
  const text = (start: number, end: number) => page.bytes.toString("latin1", start, end);
  while (page.next()) {
    const key = kind === "scan" ? { key: text(page.keyStart, page.keyEnd) } : {};
    entries.push({ ...key, version: page.version, value: text(page.valueStart, page.valueEnd) });
  }
  return { entries, more: page.more, ...(page.snapshotId !== 0 && { snapshotId: page.snapshotId }) };
}

export function snapshotOf(response: TestResponse | undefined) {
  return decodeSnapshot(response!.frame, headOf(response!.frame));
}

/** The seq of a checkpoint's answer. */
export function seqOf(response: TestResponse | undefined): number {
  return decodeCheckpointed(response!.frame, headOf(response!.frame));
}

/** That the answer has no result. */
export function expectDone(response: TestResponse | undefined): void {
  decodeDone(response!.frame, headOf(response!.frame));
}

export function helloOf(response: TestResponse | undefined) {
  return decodeHelloReply(response!.frame, headOf(response!.frame)).info;
}

export function statsOf(response: TestResponse | undefined) {
  return decodeStats(response!.frame, headOf(response!.frame));
}

function headOf(frame: Buffer): ResponseHead {
  const head = new ResponseHead();
  readHead(frame, 0, frame.length, head);
  return head;
}

function toBytes(text: string): Uint8Array {
  return Buffer.from(text);
}
