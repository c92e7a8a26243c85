import { expect, test } from "bun:test";
import { join } from "node:path";

test("the hot messages are encoded and decoded without making an object", () => {
  const { stderr, exitCode } = Bun.spawnSync(
    [process.execPath, join(import.meta.dir, "allocation-fixture.ts")],
    {
      env: { ...process.env, BUN_JSC_logGC: "1" },
    },
  );
  expect(exitCode).toBe(0);
  const collections = new Map<string, number>();
  for (const section of stderr.toString().split("\n== ").slice(1)) {
    const name = section.slice(0, section.indexOf("\n"));
    if (name !== "between")
      collections.set(name, section.split("Requesting GC because bytes allocated").length - 1);
  }
  // The last one shows that the measure sees objects where there are some.
  const { "making one small object": ofObjects, ...ofMessages } = Object.fromEntries(collections);
  expect(ofObjects).toBeGreaterThan(0);
  expect(ofMessages).toEqual({
    "encoding put, get and delete": 0,
    "decoding put, get and delete": 0,
    "encoding an entry and a version": 0,
    "decoding an entry and a version": 0,
  });
});
