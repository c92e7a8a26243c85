import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../client/client.ts";
import { startServer } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

setDefaultTimeout(120_000);

/** The promise at its plainest, as a user would try it out. */
test("what one client was told is there after a kill, also what it wrote after an earlier kill", async () => {
  using directory = temporaryDirectory();
  const options = { dataDirectory: directory.path };
  const expected: Record<string, string> = {};
  for (let life = 1; life <= 3; life++) {
    await using server = await startServer(options);
    const db = await connect<string>(`holdfast://127.0.0.1:${server.port}`, { closeTimeoutMs: 1 });
    const found = await db.scan().all();
    expect(Object.fromEntries(found.map(({ key, value }) => [key, value]))).toEqual(expected);

    for (let index = 0; index < 20; index++) {
      const key = `key-${index % (7 * life)}`;
      const value = `value ${index} of life ${life}`;
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
    // Nothing between the last ack and the kill, not even the closing of the connection.
    await server.kill();
    await db.close();
  }
  expect(Object.keys(expected).length).toBeGreaterThan(5);
});
