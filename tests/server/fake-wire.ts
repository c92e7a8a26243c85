import type { Wire } from "../../src/server/wire.ts";

/**
 * The peer's end of a connection, without a network. It takes bytes as long as it has room for them, which is for
 * ever unless the test says otherwise.
 */
export class FakeWire implements Wire {
  /** Everything that was taken, and each write's size. */
  readonly writes: number[] = [];
  readonly events: string[] = [];
  room = Infinity;
  isPaused = false;
  isShutDown = false;
  isClosed = false;
  onClosed: () => void = () => {};
  #taken: Buffer[] = [];

  write(bytes: Buffer, start: number, count: number): number {
    if (this.isClosed || this.isShutDown) return -1;
    const taken = Math.min(this.room, count);
    this.room -= taken;
    this.#taken.push(Buffer.from(bytes.subarray(start, start + taken)));
    this.writes.push(taken);
    return taken;
  }

  pause(): void {
    this.events.push("pause");
    this.isPaused = true;
  }

  resume(): void {
    this.events.push("resume");
    this.isPaused = false;
  }

  shutdown(): void {
    this.events.push("shutdown");
    this.isShutDown = true;
  }

  end(): void {
    this.#close("end");
  }

  terminate(): void {
    this.#close("terminate");
  }

  /** What was taken since the last call. */
  take(): Buffer {
    return Buffer.concat(this.#taken.splice(0));
  }

  #close(event: string): void {
    if (this.isClosed) return;
    this.events.push(event);
    this.isClosed = true;
    this.onClosed();
  }
}
