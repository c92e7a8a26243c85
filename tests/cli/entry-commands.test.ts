import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { serve, type Server } from "../../src/server/serve.ts";
import { MemoryWorld, run, type Ended, type MemoryWorldOptions } from "./memory-world.ts";
import { runCommandLine } from "../../src/cli/run.ts";

let server: Server;

beforeAll(async () => {
  server = await serve({ listen: "127.0.0.1:0", fileSystem: new MemoryFileSystem(), dataDirectory: "/data" });
});

afterAll(() => server.close());

function holdfast(words: readonly string[], options: MemoryWorldOptions = {}): Promise<Ended> {
  return run(words, { ...options, environment: { HOLDFAST_URL: server.url, ...options.environment } });
}

/** The bytes that a command writes to a pipe. */
async function outputBytes(words: readonly string[]): Promise<Buffer> {
  const world = new MemoryWorld({ environment: { HOLDFAST_URL: server.url } });
  expect(await runCommandLine(words, world)).toBe(0);
  return world.output.bytes;
}

/** What a put prints: the version. */
async function put(...words: string[]): Promise<number> {
  const { code, output, errors } = await holdfast(["put", ...words]);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return Number(output);
}

describe("get", () => {
  test("gives a pipe the bytes of the value and nothing else", async () => {
    await put("get/text", "Ada");
    expect((await outputBytes(["get", "get/text"])).toString()).toBe("Ada");
    await put("get/empty", "");
    expect((await outputBytes(["get", "get/empty"])).length).toBe(0);
    await put("--hex", Buffer.from("get/bytes").toString("hex"), "00ff0d0a");
    expect([...(await outputBytes(["get", "get/bytes"]))]).toEqual([0x00, 0xff, 0x0d, 0x0a]);
  });

  test("gives a terminal readable text with a line's end", async () => {
    const onTerminal = async (key: string) => (await holdfast(["get", key], { isTerminal: true })).output;
    await put("tty/text", "two\nlines\tand a tab");
    expect(await onTerminal("tty/text")).toBe("two\nlines\tand a tab\n");
    await put("tty/escape", "\x1b[2Jgone \\ back");
    expect(await onTerminal("tty/escape")).toBe("\\x1b[2Jgone \\\\ back\n");
    await holdfast(["put", "tty/bytes", "-"], { input: Buffer.from([0x61, 0xff]) });
    expect(await onTerminal("tty/bytes")).toBe("a\\xff\n");
  });

  test("of a missing key exits 1 silently, however it is asked", async () => {
    for (const flags of [[], ["--json"], ["--hex"]]) {
      expect(await holdfast(["get", ...flags, "6e6f7065"])).toEqual({ code: 1, output: "", errors: "" });
    }
  });

  test("with --json names a field by what it holds", async () => {
    const version = await put("json/1", "Ada");
    expect(JSON.parse((await holdfast(["get", "--json", "json/1"])).output)).toEqual({
      key: "json/1",
      version,
      value: "Ada",
    });
    expect(JSON.parse((await holdfast(["get", "--json", "--hex", "6a736f6e2f31"])).output)).toEqual({
      keyHex: "6a736f6e2f31",
      version,
      valueHex: "416461",
    });
    await holdfast(["put", "json/2", "-"], { input: Buffer.from([0xc3]) });
    expect(JSON.parse((await holdfast(["get", "--json", "json/2"])).output)).toMatchObject({
      key: "json/2",
      valueHex: "c3",
    });
  });
});

describe("put", () => {
  test("reads its value from standard input, byte for byte", async () => {
    const input = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect((await holdfast(["put", "stdin", "-"], { input })).code).toBe(0);
    expect(await outputBytes(["get", "stdin"])).toEqual(input);
  });

  test("with --hex reads hexadecimal from standard input, line breaks and all", async () => {
    const { output: hex } = await holdfast(["get", "--hex", Buffer.from("stdin").toString("hex")]);
    const input = hex.replace(/(.{60})/g, "$1\r\n");
    expect((await holdfast(["put", "--hex", "0001", "-"], { input })).code).toBe(0);
    expect((await outputBytes(["get", "--hex", "0001"])).toString()).toBe(hex);
  });

  test("answers the version, which a condition can name", async () => {
    const version = await put("condition", "1");
    expect((await holdfast(["put", "condition", "2", "--if-version", String(version)])).code).toBe(0);
    expect(await holdfast(["put", "condition", "3", "--if-version", String(version)])).toMatchObject({
      code: 4,
      output: "",
    });
    expect((await holdfast(["put", "condition", "4", "--if-absent"])).code).toBe(4);
    expect((await outputBytes(["get", "condition"])).toString()).toBe("2");
    expect((await holdfast(["put", "condition/new", "1", "--if-absent"])).code).toBe(0);
    expect((await holdfast(["put", "condition/new", "1", "--if-version=0"])).code).toBe(4);
  });

  test("tells a conflict with the key as it was typed", async () => {
    await put("users/1", "Ada");
    const { errors } = await holdfast(["put", "--if-absent", "users/1", "Grace"]);
    expect(errors).toMatch(/^holdfast: Cannot put "users\/1": the entry has version \d+; /);
  });

  test("prints the version as a number, as a line for people, or as JSON", async () => {
    const version = await put("print", "x");
    expect((await holdfast(["put", "print", "x"], { isTerminal: true })).output).toBe(
      `version ${version + 1}\n`,
    );
    expect((await holdfast(["put", "--json", "print", "x"])).output).toBe(
      `{"key":"print","version":${version + 2}}\n`,
    );
  });

  test("takes an operand that begins with a dash behind --", async () => {
    expect((await holdfast(["put", "--", "-key", "--value"])).code).toBe(0);
    expect((await outputBytes(["get", "--", "-key"])).toString()).toBe("--value");
  });

  test("is refused beyond the server's limits, with exit code 6", async () => {
    const { code, errors } = await holdfast(["put", "k".repeat(65_536), "v"]);
    expect(code).toBe(6);
    expect(errors).toContain("65536 is beyond the limit of 65535");
    const long = await holdfast(["put", "k", "-"], { input: Buffer.alloc(16 * 1024 * 1024 + 1) });
    expect(long.code).toBe(6);
  });
});

describe("delete", () => {
  test("deletes, prints the version of the deletion, and needs no entry", async () => {
    const version = await put("delete/1", "x");
    expect(await holdfast(["delete", "delete/1"])).toEqual({
      code: 0,
      output: `${version + 1}\n`,
      errors: "",
    });
    expect((await holdfast(["get", "delete/1"])).code).toBe(1);
    expect((await holdfast(["delete", "delete/1"])).code).toBe(0);
  });

  test("keeps an entry that has another version", async () => {
    const version = await put("delete/2", "x");
    expect((await holdfast(["delete", "--if-version", String(version + 1), "delete/2"])).code).toBe(4);
    expect((await outputBytes(["get", "delete/2"])).toString()).toBe("x");
    expect((await holdfast(["delete", "--if-version", String(version), "delete/2"])).code).toBe(0);
  });
});

describe("scan", () => {
  beforeAll(async () => {
    for (const [key, value] of [
      ["s/a", "1"],
      ["s/b", "tab\there"],
      ["s/c", "x".repeat(60)],
    ] as const) {
      await put(key, value);
    }
    await put("--hex", Buffer.from("s/d\xff", "latin1").toString("hex"), "0a5c");
  });

  const scanned = async (...words: string[]) => (await holdfast(["scan", "--prefix", "s/", ...words])).output;

  test("prints a line for each entry, from which the bytes can be told", async () => {
    expect(await scanned()).toBe(`s/a\t1\ns/b\ttab\\there\ns/c\t${"x".repeat(60)}\ns/d\\xff\t\\n\\\\\n`);
  });

  test("obeys its flags", async () => {
    expect(await scanned("--keys-only")).toBe("s/a\ns/b\ns/c\ns/d\\xff\n");
    expect(await scanned("--keys-only", "--reverse", "--limit", "2")).toBe("s/d\\xff\ns/c\n");
    expect(await scanned("--keys-only", "--start", "s/b", "--end", "s/c")).toBe("s/b\n");
    expect(await scanned("--limit", "0")).toBe("");
    const hex = await holdfast(["scan", "--hex", "--start", "732f64", "--prefix", "732f"]);
    expect(hex.output).toBe("732f64ff\t0a5c\n");
  });

  test("prints JSON, one object a line", async () => {
    const entries = (await scanned("--json"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ version, ...rest }) => [typeof version, rest])).toEqual([
      ["number", { key: "s/a", value: "1" }],
      ["number", { key: "s/b", value: "tab\there" }],
      ["number", { key: "s/c", value: "x".repeat(60) }],
      ["number", { keyHex: "732f64ff", value: "\n\\" }],
    ]);
    expect(JSON.parse(await scanned("--json", "--keys-only", "--limit", "1"))).not.toHaveProperty("value");
  });

  test("does not even ask for the values with --keys-only", async () => {
    const bytesOut = async () => JSON.parse((await holdfast(["stats", "--json"])).output).bytesOut;
    await holdfast(["put", "wide/1", "-"], { input: "x".repeat(200_000) });
    const before = await bytesOut();
    expect((await holdfast(["scan", "--prefix", "wide/", "--keys-only"])).output).toBe("wide/1\n");
    const between = await bytesOut();
    expect((await holdfast(["scan", "--prefix", "wide/"])).output.length).toBeGreaterThan(200_000);
    expect([between - before < 20_000, (await bytesOut()) - between > 200_000]).toEqual([true, true]);
  });

  test("cuts lines to the width of a terminal", async () => {
    const { output } = await holdfast(["scan", "--prefix", "s/"], { isTerminal: true });
    expect(output).toBe(`s/a  1\ns/b  tab\\there\ns/c  ${"x".repeat(34)}…\ns/d\\xff  \\n\\\\\n`);
  });

  test("reads on over pages, however many entries there are", async () => {
    const count = 10_000;
    const { connect } = await import("../../client/client.ts");
    await using database = await connect(server.url);
    const keys = Array.from({ length: count }, (_, index) => `many/${String(index).padStart(6, "0")}`);
    await Promise.all(keys.map((key) => database.put(key, 1)));
    const { output } = await holdfast(["scan", "--prefix", "many/", "--keys-only"]);
    expect(output).toBe(`${keys.join("\n")}\n`);
  });

  test("ends with 141 and without a word when nobody reads on", async () => {
    const world = new MemoryWorld({ environment: { HOLDFAST_URL: server.url } });
    world.output.failure = Object.assign(new Error("broken pipe"), { code: "EPIPE", syscall: "write" });
    expect(await runCommandLine(["scan"], world)).toBe(141);
    expect(world.errors.text).toBe("");
  });
});

describe("ping and stats", () => {
  test("ping says how long it took, and what an acknowledgement means", async () => {
    expect((await holdfast(["ping"])).output).toMatch(
      /^the server answers in [\d.]+ ms; its sync mode is always\n$/,
    );
    expect(JSON.parse((await holdfast(["ping", "--json"])).output)).toEqual({
      roundTripMs: expect.any(Number),
      syncMode: "always",
      storeId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test("stats prints a line for each number, or one object", async () => {
    const lines = (await holdfast(["stats"])).output.trimEnd().split("\n");
    expect(lines).toContain("syncMode\talways");
    expect(lines.some((line) => /^requests\.put\t\d+$/.test(line))).toBeTrue();
    expect(JSON.parse((await holdfast(["stats", "--json"])).output)).toMatchObject({ syncMode: "always" });
    const pretty = (await holdfast(["stats"], { isTerminal: true })).output;
    expect(pretty).toMatch(/^syncMode {2,}always$/m);
  });
});

test("a server that may lose acknowledged writes is warned about on standard error", async () => {
  await using careless = await serve({
    listen: "127.0.0.1:0",
    sync: "none",
    fileSystem: new MemoryFileSystem(),
    dataDirectory: "/data",
  });
  const { code, output, errors } = await holdfast(["put", "--url", careless.url, "k", "v"]);
  expect({ code, output }).toEqual({ code: 0, output: "1\n" });
  expect(errors).toMatch(/^holdfast: warning: .*none/);
});
