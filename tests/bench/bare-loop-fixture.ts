import { fdatasyncSync, openSync, writeSync } from "node:fs";

/**
 * The least that a durable answer over a socket takes: appends what comes to a file, syncs it, and sends it back. No
 * protocol, no checksum, no index; the least time that a set by one client who waits for each could take.
 */
const [path = ""] = process.argv.slice(2);
const file = openSync(path, "a", 0o600);

const listener = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, chunk) {
      if (writeSync(file, chunk) !== chunk.length) throw new Error("The disk took only a part");
      fdatasyncSync(file);
      // One request at a time: what a socket has no room for would be a bug of the bench.
      if (socket.write(chunk) !== chunk.length) throw new Error("The socket took only a part");
    },
  },
});
console.log(`ready tcp://127.0.0.1:${listener.port}`);
