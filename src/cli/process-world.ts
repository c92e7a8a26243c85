import { systemClock } from "../lib/clock.ts";
import { HoldfastError, LimitError } from "../lib/errors.ts";
import { realFileSystem } from "../vfs/real.ts";
import { BufferedOutput } from "./buffered-output.ts";
import type { Output, World } from "./world.ts";

/** The process that this is: its environment, its three standard streams, and the signals that reach it. */
export function processWorld(): World {
  return {
    environment: process.env,
    fileSystem: realFileSystem,
    clock: systemClock,
    output: outputOf(process.stdout),
    errors: outputOf(process.stderr),
    readInput,

    onEndSignal(listener) {
      process.on("SIGINT", () => listener("SIGINT"));
      process.on("SIGTERM", () => listener("SIGTERM"));
    },

    exitNow(code) {
      process.exit(code);
    },
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // The same error comes to the callback of the write, where somebody waits for it.
  stream.on("error", () => {});
  return new BufferedOutput({
    isTerminal: stream.isTTY === true,
    columns: () => stream.columns,
    send: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(outputError(error)) : resolve()));
      }),
  });
}

/** A pipe whose reader has gone is told as it is; all else is no failure of the disk under the data. */
function outputError(error: Error & { code?: string }): Error {
  if (error.code === "EPIPE") return error;
  return new HoldfastError("OUTPUT_FAILED", `Cannot write the output: ${error.message}`, { cause: error });
}

async function readInput(bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new LimitError("Cannot read standard input: its bytes", bytes, bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
