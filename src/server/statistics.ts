import { opcode } from "../protocol/opcodes.ts";
import { statusMax, statusName, type StatusCode } from "../protocol/status.ts";

/** What the server counts. Counting costs an addition, so everything is always counted. */
export class Statistics {
  connectionsAccepted = 0;
  connectionsRefused = 0;
  /** Connections that were closed for what the peer did: malformed frames, missed deadlines, unread output. */
  connectionsEvicted = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Writes to sockets; with bytesOut it says how well responses are coalesced. */
  socketWrites = 0;
  /** Output held for all connections, sent to their sockets or waiting for durability. */
  outputBytes = 0;
  /** Input of all connections that was received and not taken, unfinished frames for the most part. */
  inputBytes = 0;
  /** How late the last sweep came, and the latest one ever: the event loop's health, for nothing. */
  eventLoopDelayMs = 0;
  eventLoopDelayMsMax = 0;
  readonly requests: number[] = new Array(Object.keys(opcode).length).fill(0);
  readonly errors: number[] = new Array(statusMax + 1).fill(0);

  errorAnswered(code: StatusCode): void {
    this.errors[code]!++;
  }

  sweptLate(delayMs: number): void {
    this.eventLoopDelayMs = delayMs;
    if (delayMs > this.eventLoopDelayMsMax) this.eventLoopDelayMsMax = delayMs;
  }

  /** For people and for the stats answer: flat, with names. */
  toMap(): Record<string, unknown> {
    const requests: Record<string, number> = {};
    for (const [name, code] of Object.entries(opcode)) requests[name] = this.requests[code]!;
    const errors: Record<string, number> = {};
    for (const [code, count] of this.errors.entries()) if (count > 0) errors[statusName(code)] = count;
    return {
      connectionsAccepted: this.connectionsAccepted,
      connectionsRefused: this.connectionsRefused,
      connectionsEvicted: this.connectionsEvicted,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      socketWrites: this.socketWrites,
      outputBytes: this.outputBytes,
      inputBytes: this.inputBytes,
      eventLoopDelayMs: Math.round(this.eventLoopDelayMs),
      eventLoopDelayMsMax: Math.round(this.eventLoopDelayMsMax),
      requests,
      errors,
    };
  }
}
