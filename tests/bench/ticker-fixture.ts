/**
 * A thread that says every millisecond that it is time: timers of the event loop come up to 1.1 ms late, this one is
 * mostly 0.1 ms late, and a loop that never sleeps would take one of the server's cores.
 */
declare const self: Worker;

const cell = new Int32Array(new SharedArrayBuffer(4));
self.onmessage = ({ data: tickMs }: MessageEvent<number>) => {
  let nextMs = performance.now();
  for (;;) {
    nextMs += tickMs;
    const leftMs = nextMs - performance.now();
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs);
    // After a long sleep of the whole machine there is one tick, not all that were missed: who is due is computed.
    else nextMs = performance.now();
    postMessage(undefined);
  }
};
