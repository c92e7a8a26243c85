import type { AnswerMeter } from "./answer-meter.ts";
import { EtcdWindow, type EtcdCallKind } from "./etcd-window.ts";
import type { EntrySource } from "./request-window.ts";

export interface EtcdRunOptions {
  port: number;
  connections: number;
  /** Calls that each connection keeps unanswered. */
  pipeline: number;
  kind: EtcdCallKind;
  source: EntrySource;
  meter: AnswerMeter;
}

/** Calls etcd for all that the source says, until everything is answered; as runRequests does with ours. */
export async function runEtcd(options: EtcdRunOptions): Promise<void> {
  const { port, connections, pipeline, kind, source, meter } = options;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const connect = async () => {
    const window = new EtcdWindow(kind, source, pipeline, meter, `127.0.0.1:${port}`);
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => window.greet(socket),
        data(socket, chunk) {
          try {
            window.receive(socket, chunk as Buffer);
            if (window.isDone) socket.end();
          } catch (error) {
            fail(error);
          }
        },
        drain: (socket) => window.send(socket),
        close() {
          if (!window.isDone) fail(new Error("etcd closed a connection that waited for answers"));
          close();
        },
        error: (_, error) => fail(error),
      },
    });
    await closed;
  };
  const watch = setInterval(() => {
    const silenceMs = performance.now() - meter.lastAnswerAtMs;
    if (silenceMs > silenceMsMax) fail(new Error(`etcd has answered nothing for ${silenceMsMax} ms`));
  }, 1000);
  try {
    await Promise.race([failed, Promise.all(Array.from({ length: connections }, connect))]);
  } finally {
    clearInterval(watch);
  }
}

const silenceMsMax = 60_000;
