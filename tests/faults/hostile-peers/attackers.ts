import type { Socket } from "bun";
import { frameBytesMax } from "../../../src/lib/limits.ts";
import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { limitSocketBuffers } from "../../../src/vfs/libc.ts";
import { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { readHead, ResponseHead } from "../../../src/protocol/response-decoder.ts";
import { status } from "../../../src/protocol/status.ts";
import {
  garbage,
  getFlood,
  halfFrame,
  helloBytes,
  pingFlood,
  putFlood,
  unreadRequests,
} from "./attack-bytes.ts";
import { attackKinds, type AttackKind, type AttackOrders, type AttackReport } from "./attack-kinds.ts";

/** Hostile peers, as many at a time as they were told to be, until the process ends. */
export class Attackers {
  readonly #orders: AttackOrders;
  readonly #random: Random;
  readonly #places: Place[];
  readonly #halfFrame: Buffer;
  readonly #dripping = new Set<Place>();
  readonly #head = new ResponseHead();
  readonly #due: Place[] = [];
  readonly #acknowledged = new Map<string, number>();
  #connecting = 0;
  #connected = 0;
  #open = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(orders: AttackOrders) {
    this.#orders = orders;
    this.#random = seededRandom(orders.seed);
    this.#halfFrame = halfFrame(orders.halfFrameBytes);
    this.#places = Array.from({ length: orders.connections }, (_, number) => newPlace(number, orders));
  }

  start(): void {
    this.#due.push(...this.#places);
    this.#connectSome();
    setInterval(() => this.#drip(), 1_000);
    // A refused connection, and one that is closed at once, must not keep this process from the others.
    setInterval(() => this.#connectSome(), 1);
  }

  report(): AttackReport {
    for (const place of this.#places) this.#note(place);
    const acknowledged = [...this.#acknowledged];
    const [connected, open, bytesSent, bytesReceived] = [
      this.#connected,
      this.#open,
      this.#bytesSent,
      this.#bytesReceived,
    ];
    return { connected, open, bytesSent, bytesReceived, acknowledged };
  }

  #connectSome(): void {
    while (this.#connecting < connectingMax) {
      const place = this.#due.shift();
      if (place === undefined) return;
      this.#connecting++;
      Bun.connect({
        hostname: "127.0.0.1",
        port: this.#orders.port,
        socket: {
          open: (socket) => this.#opened(place, socket),
          data: (_, chunk) => this.#received(place, chunk),
          drain: () => this.#push(place),
          close: () => this.#closed(place),
          error: () => {},
        },
      }).catch(() => {
        this.#connecting--;
        this.#due.push(place);
      });
    }
  }

  #opened(place: Place, socket: Socket<undefined>): void {
    this.#connecting--;
    // Real attackers fill their own machines' memory for sockets. Here it is the server's, and two thousand of them
    // with 4 MiB each had it all.
    limitSocketBuffers((socket as { fd?: number }).fd ?? -1, 64 * 1024);
    this.#note(place);
    place.key = Buffer.from(`flood/${this.#orders.seed}/${this.#connected}`);
    place.acknowledged = 0;
    this.#connected++;
    this.#open++;
    place.socket = socket;
    place.unsent = this.#opening(place.kind);
    place.frames = new FrameDecoder(frameBytesMax);
    if (place.kind === "deaf") socket.pause();
    if (place.kind === "drip") this.#dripping.add(place);
    this.#push(place);
    if (place.kind === "connects") socket.end();
  }

  #closed(place: Place): void {
    if (place.socket === undefined) return;
    place.socket = undefined;
    this.#open--;
    this.#dripping.delete(place);
    this.#due.push(place);
    this.#connectSome();
  }

  #received(place: Place, chunk: Buffer): void {
    this.#bytesReceived += chunk.length;
    if (place.kind === "garbage") place.socket?.terminate();
    if (place.kind !== "puts") return;
    const { frames } = place;
    const head = this.#head;
    frames.push(Buffer.from(chunk));
    while (frames.next()) {
      readHead(frames.bytes, frames.start, frames.end, head);
      // Acknowledgements of one connection's puts come in the order of the puts.
      if (head.status === status.OK && head.correlationId > 1) place.acknowledged = head.correlationId;
    }
  }

  #note({ key, acknowledged }: Place): void {
    if (acknowledged > 0) this.#acknowledged.set(key.toString(), acknowledged);
  }

  /** Gives the socket all it takes, and a flood has always more. */
  #push(place: Place): void {
    const { socket } = place;
    while (socket !== undefined && place.socket === socket) {
      if (place.unsent.length === 0) place.unsent = this.#more(place);
      if (place.unsent.length === 0) return;
      const taken = socket.write(place.unsent);
      if (taken < 0) return;
      this.#bytesSent += taken;
      place.unsent = place.unsent.subarray(taken);
      if (place.unsent.length > 0) return;
    }
  }

  #opening(kind: AttackKind): Buffer {
    switch (kind) {
      case "idle":
        return nothing;
      case "garbage":
        return garbage(this.#random);
      case "half-frames":
        return Buffer.concat([helloBytes, this.#halfFrame]);
      case "drip":
        return Buffer.concat([helloBytes, this.#halfFrame.subarray(0, 4)]);
      case "deaf":
        return Buffer.concat([helloBytes, unreadRequests]);
      default:
        return helloBytes;
    }
  }

  #more(place: Place): Buffer {
    switch (place.kind) {
      case "pings":
        return pingFlood;
      case "gets":
        return getFlood;
      case "deaf":
        return unreadRequests;
      case "puts": {
        const first = place.nextPut;
        place.nextPut += putsAtOnce;
        return putFlood(place.key, first, putsAtOnce);
      }
      default:
        return nothing;
    }
  }

  #drip(): void {
    for (const { socket } of this.#dripping) {
      socket?.write(this.#halfFrame.subarray(4 + randomBelow(this.#random, 8), 12).subarray(0, 1));
      this.#bytesSent++;
    }
  }
}

interface Place {
  readonly kind: AttackKind;
  /** Another one for each connection: what an earlier one has sent may still be done behind this one's puts. */
  key: Buffer;
  socket: Socket<undefined> | undefined;
  unsent: Buffer;
  frames: FrameDecoder;
  nextPut: number;
  acknowledged: number;
}

function newPlace(number: number, { attack }: AttackOrders): Place {
  return {
    kind: attack === "mix" ? attackKinds[number % attackKinds.length]! : attack,
    key: nothing,
    socket: undefined,
    unsent: nothing,
    frames: new FrameDecoder(frameBytesMax),
    // 1 is the id of the hello.
    nextPut: 2,
    acknowledged: 0,
  };
}

/** More than that fill the queue of the listener, whose length is the system's affair and not the server's. */
const connectingMax = 64;
const putsAtOnce = 500;
const nothing = Buffer.alloc(0);
