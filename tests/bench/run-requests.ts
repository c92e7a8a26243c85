import type { AnswerMeter } from "./answer-meter.ts";
import type { RequestKind } from "./request-kinds.ts";
import { RequestWindow, type EntrySource } from "./request-window.ts";

export interface RunOptions {
  port: number;
  connections: number;
  /** Requests that each connection keeps unanswered. */
  pipeline: number;
  kind: RequestKind;
  source: EntrySource;
  meter: AnswerMeter;
  /** Called when answers have come and were counted. */
  onAnswers?: (nowMs: number) => void;
  /** The server is going to be killed: the end of the connections is then the end of the run, and no failure. */
  endsWithServer?: boolean;
}

/**
 * Asks for all that the source says, over several connections, until everything is answered. Any answer but the
 * right one ends the run with an error. Returns the entries whose requests were never answered: none, unless the
 * server ended.
 */
export async function runRequests(options: RunOptions): Promise<number[]> {
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const windows: RequestWindow[] = [];
  const connect = async () => {
    const window = new RequestWindow(options.kind, options.source, options.pipeline, options.meter);
    windows.push(window);
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port: options.port,
      socket: {
        open: (socket) => window.greet(socket),
        data(socket, chunk) {
          try {
            window.receive(socket, chunk as Buffer);
            options.onAnswers?.(options.meter.lastAnswerAtMs);
            if (window.isDone) socket.end();
          } catch (error) {
            fail(error);
          }
        },
        drain: (socket) => window.send(socket),
        close() {
          if (!window.isDone && options.endsWithServer !== true)
            fail(new Error(`The server closed a connection that waited for answers`));
          close();
        },
        error(_, error) {
          if (options.endsWithServer !== true) fail(error);
        },
      },
    });
    await closed;
  };

  const watch = setInterval(() => {
    const silenceMs = performance.now() - options.meter.lastAnswerAtMs;
    if (silenceMs > silenceMsMax) fail(new Error(`The server has answered nothing for ${silenceMsMax} ms`));
  }, 1000);
  try {
    await Promise.race([failed, Promise.all(Array.from({ length: options.connections }, connect))]);
  } finally {
    clearInterval(watch);
  }
  return windows.flatMap((window) => window.unansweredEntries);
}

/** Longer than any stall that could be called one: the server hangs. */
const silenceMsMax = 60_000;
