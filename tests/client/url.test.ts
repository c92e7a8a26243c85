import { describe, expect, test } from "bun:test";
import { InvalidArgumentError } from "../../src/lib/errors.ts";
import { settingsOf } from "../../client/settings.ts";
import { parseUrl } from "../../client/url.ts";

describe("a server's URL", () => {
  const rows: { text: string; hostname: string; port: number; timeoutMs?: number; credentials?: string }[] = [
    { text: "holdfast://127.0.0.1:4653", hostname: "127.0.0.1", port: 4653 },
    { text: "holdfast://localhost", hostname: "localhost", port: 4653 },
    { text: "holdfast://[::1]:1234/", hostname: "::1", port: 1234 },
    { text: "holdfast://example.org:1?timeout=500ms", hostname: "example.org", port: 1, timeoutMs: 500 },
    { text: "holdfast://example.org?timeout=5s", hostname: "example.org", port: 4653, timeoutMs: 5_000 },
    { text: "holdfast://example.org?timeout=2m", hostname: "example.org", port: 4653, timeoutMs: 120_000 },
    { text: "holdfast://ada:se%3Acret%20@h", hostname: "h", port: 4653, credentials: "ada:se:cret " },
  ];
  for (const { text, hostname, port, timeoutMs, credentials } of rows) {
    test(`${text} is understood`, () => {
      const address = parseUrl(text);
      expect(address).toMatchObject({ hostname, port, timeoutMs });
      expect(address.credentials && new TextDecoder().decode(address.credentials)).toBe(credentials);
    });
  }

  const wrong = [
    "",
    "localhost:4653",
    "redis://localhost",
    "holdfast://",
    "holdfast://host:99999",
    "holdfast://host/path",
    "holdfast://host?timeout=5",
    "holdfast://host?timeout=0s5",
    "holdfast://host?time=5s",
    "holdfast://user:%zz@host",
  ];
  for (const text of wrong) {
    test(`${JSON.stringify(text)} is refused`, () => {
      expect(() => parseUrl(text)).toThrow(InvalidArgumentError);
    });
  }

  test("never shows its password in a message", () => {
    for (const text of ["holdfast://ada:secret@h/x", "redis://ada:secret@h", "holdfast://ada:secret@h?x=1"]) {
      expect(() => parseUrl(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining("secret") }),
      );
    }
    expect(parseUrl("holdfast://ada:secret@h").display).toBe("holdfast://h:4653");
  });
});

describe("settings", () => {
  test("come from the option, then from the URL, then from the defaults", () => {
    expect(settingsOf("holdfast://h?timeout=1s", { timeoutMs: 2 }).timeoutMs).toBe(2);
    expect(settingsOf("holdfast://h?timeout=1s", {}).timeoutMs).toBe(1_000);
    expect(settingsOf("holdfast://h", {}).timeoutMs).toBe(5_000);
  });

  test("take the server from HOLDFAST_URL when none is given", () => {
    const before = process.env["HOLDFAST_URL"];
    try {
      process.env["HOLDFAST_URL"] = "holdfast://from-environment:7";
      expect(settingsOf(undefined, {}).address).toMatchObject({ hostname: "from-environment", port: 7 });
      expect(settingsOf("holdfast://given", {}).address.hostname).toBe("given");
      delete process.env["HOLDFAST_URL"];
      expect(settingsOf(undefined, {}).address).toMatchObject({ hostname: "127.0.0.1", port: 4653 });
    } finally {
      if (before === undefined) delete process.env["HOLDFAST_URL"];
      else process.env["HOLDFAST_URL"] = before;
    }
  });

  test("that make no sense are refused by name", () => {
    for (const name of ["timeoutMs", "connectTimeoutMs", "keepAliveMs", "queueBytesMax"] as const) {
      for (const value of [0, -1, Number.NaN, Infinity]) {
        expect(() => settingsOf("holdfast://h", { [name]: value })).toThrow(new RegExp(name));
      }
    }
  });
});
