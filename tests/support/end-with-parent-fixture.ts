/**
 * Preloaded into every server that a test starts: when the test's process is gone, however it ended, so is the
 * server. Standard input is a pipe from it, and at its end nobody is left to end the server otherwise.
 */
process.stdin.on("end", () => process.kill(process.pid, "SIGKILL"));
process.stdin.resume();
