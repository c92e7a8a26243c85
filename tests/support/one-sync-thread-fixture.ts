import { read } from "node:fs";

/**
 * Preloaded into a server whose system calls are counted. strace counts them for each thread, and Bun's pool has
 * two: one of them waits for standard input from now on, so that the other one makes all the syncs. The input ends
 * with the test's process, and the server with it.
 */
read(0, Buffer.alloc(1), 0, 1, null, () => process.kill(process.pid, "SIGKILL"));
