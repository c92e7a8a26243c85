import { inlineSyncMsMax, sealDelayMs } from "../../../src/lib/limits.ts";

/**
 * Part of what is preloaded into a server whose calls have to be the same in every run. Two of its decisions are the
 * clock's, and here the clock always decides in the same way. The program itself is not changed.
 *
 * A log that falls idle is sealed after a delay, and behind a flush in any case: with the usual delay it is a matter of
 * luck which comes first, and so whether there is one seal or two. Here the delay is shorter than any flush. Nothing
 * else waits for exactly as long.
 */
const schedule = globalThis.setTimeout;

globalThis.setTimeout = Object.assign(
  (action: () => void, delayMs?: number) => schedule(action, delayMs === sealDelayMs ? 1 : delayMs),
  schedule,
);

/** The first thread itself syncs the log where the disk is quick. Here it never is. */
const fs = process.getBuiltinModule("node:fs");
const { fdatasync } = fs;

fs.fdatasync = Object.assign((fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
  const startedMs = performance.now();
  fdatasync(fd, (error) => {
    // A timer may be early, for it counts from when the event loop last looked at the clock.
    const tell = () => {
      if (performance.now() - startedMs > 2 * inlineSyncMsMax) done(error);
      else schedule(tell, 1);
    };
    tell();
  });
}, fdatasync);
