import { exitCode } from "./exit-codes.ts";
import type { EndSignal, World } from "./world.ts";

/** The signals that ask the server to end: the first one to end in order, the next one to end now. */
export class EndSignals {
  readonly received: Promise<EndSignal>;
  first: EndSignal | undefined;

  constructor({ clock, exitNow, onEndSignal }: World) {
    const { promise, resolve } = Promise.withResolvers<EndSignal>();
    this.received = promise;
    let firstMs = 0;
    onEndSignal((signal) => {
      if (this.first === undefined) {
        this.first = signal;
        firstMs = clock.monotonicMs();
        resolve(signal);
      } else if (signal !== this.first || clock.monotonicMs() - firstMs > echoMsMax) {
        exitNow(signal === "SIGINT" ? exitCode.interrupted : exitCode.terminated);
      }
    });
  }
}

/**
 * Control-C reaches a server twice when npm started it: from the terminal, and passed on by npm. No person is as
 * quick as that.
 */
const echoMsMax = 100;
