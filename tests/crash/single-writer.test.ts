import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../client/client.ts";
import { assertIntact } from "../support/intact-store.ts";
import { startServer } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

setDefaultTimeout(120_000);

/** The promise at its plainest, as a user would try it out, but for segments that a few writes fill. */
test("what one client was told is there after a kill, also what it wrote after an earlier kill", async () => {
  using directory = temporaryDirectory();
  const options = { dataDirectory: directory.path, segmentBytesMax: 4_096 };
  const expected: Record<string, string> = {};
  let flushes = 0;
  for (let life = 1; life <= 3; life++) {
    await using server = await startServer(options);
    const db = await connect<string>(`holdfast://127.0.0.1:${server.port}`, { closeTimeoutMs: 1 });
    const found = await db.scan().all();
    expect(Object.fromEntries(found.map(({ key, value }) => [key, value]))).toEqual(expected);

    for (let index = 0; index < 100; index++) {
      const key = `key-${index % (23 * life)}`;
      const value = `value ${index} of life ${life}, `.repeat(10);
      if (index % 5 === 4) {
        await db.delete(key);
        delete expected[key];
      } else if (index % 5 === 3) {
        await db.batch().put(key, value).put(`${key}-too`, value).commit();
        expected[key] = expected[`${key}-too`] = value;
      } else {
        await db.put(key, value);
        expected[key] = value;
      }
    }
    flushes += ((await db.stats())["store"] as { flushes: number }).flushes;
    await db.put("last", (expected["last"] = `of life ${life}`));
    // Nothing between the last ack and the kill, not even the closing of the connection.
    await server.kill();
    await db.close();
    expect(assertIntact(directory.path, "killed")).toBe(true);
  }
  expect(Object.keys(expected).length).toBeGreaterThan(20);
  expect(flushes).toBeGreaterThan(3);
});
