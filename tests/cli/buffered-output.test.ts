import { expect, test } from "bun:test";
import { BufferedOutput } from "../../src/cli/buffered-output.ts";

function collecting() {
  const sent: Buffer[] = [];
  const send = async (bytes: Uint8Array) => void sent.push(Buffer.from(bytes));
  return { sent, output: new BufferedOutput({ isTerminal: false, columns: () => undefined, send }) };
}

test("a buffered output gathers small writes, and sends each once and in order", async () => {
  const { sent, output } = collecting();
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
  for (const line of lines) await output.write(line);
  await output.flush();
  await output.flush();
  expect(Buffer.concat(sent).toString()).toBe(lines.join(""));
  expect(sent.length).toBeLessThan(5);
});

test("a buffered output sends what is large at once", async () => {
  const { sent, output } = collecting();
  await output.write(Buffer.alloc(100_000));
  expect(sent.map((bytes) => bytes.length)).toEqual([100_000]);
});

test("a buffered output tells whoever writes that nobody reads", async () => {
  const send = () => Promise.reject(new Error("closed"));
  const output = new BufferedOutput({ isTerminal: false, columns: () => undefined, send });
  await output.write("small");
  await expect(output.flush()).rejects.toThrow("closed");
  await expect(output.write(Buffer.alloc(100_000))).rejects.toThrow("closed");
});
