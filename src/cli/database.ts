import { codecs, connect, type Database } from "../../client/client.ts";
import { parseUrl, urlDefault } from "../../client/url.ts";
import type { Arguments } from "./arguments.ts";
import type { Flag } from "./command.ts";
import type { World } from "./world.ts";

/** What all commands that talk to a server have in common. */
export const urlFlag: Flag = {
  about: "the server; ?timeout=30s behind it allows requests more than 5 s",
  value: "URL",
  environment: "HOLDFAST_URL",
  default: urlDefault,
};

/** To the command line a value is bytes: what a program stored with a codec is for that program to decode. */
export type BytesDatabase = Database<Uint8Array, "bytes">;

/** Connects to the server that the flags name, and closes the connection however `use` ends. */
export async function withDatabase<T>(
  given: Arguments,
  world: World,
  use: (database: BytesDatabase) => Promise<T>,
): Promise<T> {
  const url = given.read("url", checkUrl) ?? urlDefault;
  const warnings: string[] = [];
  await using database = await connect<Uint8Array, "bytes">(url, {
    codec: codecs.bytes,
    keys: "bytes",
    clientName: "holdfast command line",
    connectTimeoutMs,
    onWarning: ({ message }) => warnings.push(message),
  });
  for (const message of warnings) await world.errors.write(`holdfast: warning: ${message}\n`);
  await world.errors.flush();
  return await use(database);
}

/** A person who waits for a server that is not there wants to know it soon. */
const connectTimeoutMs = 2_000;

function checkUrl(text: string): string {
  parseUrl(text);
  return text;
}
