import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { frameBytesMax } from "../../src/lib/limits.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeEntry, encodeHelloReply, encodeWritten } from "../../src/protocol/response-encoder.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";
import { numberOfKey, valueBytes, writeValue } from "./numbered-entries.ts";

/** A server that keeps nothing and answers everything with OK: what is measured against it is the generator. */
const request = new RequestDecoder();
const value = Buffer.alloc(valueBytes);
const valueView = new DataView(value.buffer, value.byteOffset, value.length);

const listener = Bun.listen<{ frames: FrameDecoder; output: ByteWriter }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { frames: new FrameDecoder(frameBytesMax), output: new ByteWriter() };
    },
    data(socket, chunk) {
      const { frames, output } = socket.data;
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
      frames.push(chunk as Buffer);
      while (frames.next()) {
        request.decode(frames.bytes, frames.start, frames.end);
        const id = request.correlationId;
        if (request.opcode === opcode.hello)
          encodeHelloReply(output, id, { server: "sink", ...scriptDefaults() });
        else if (request.opcode === opcode.put) encodeWritten(output, id, 12_345_678);
        else {
          const isWhole = frames.bytes === chunk;
          const own = isWhole ? view : new DataView(frames.bytes.buffer, frames.bytes.byteOffset, frames.end);
          writeValue(valueView, 0, numberOfKey(own, request.keyStart));
          encodeEntry(output, id, 12_345_678, value, 0, valueBytes);
        }
      }
      flush(socket);
    },
    drain: flush,
  },
});
console.log(`ready tcp://127.0.0.1:${listener.port}`);

function flush(socket: Bun.Socket<{ output: ByteWriter }>): void {
  const { output } = socket.data;
  const taken = socket.write(output.bytes.subarray(0, output.length) as Buffer);
  if (taken > 0) output.consume(taken);
}
