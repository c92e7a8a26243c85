import { codecs } from "./codecs.ts";
import { Database } from "./database.ts";
import { Keys } from "./keys.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Runtime } from "./link.ts";
import type { ConnectOptions, KeyKind } from "./options.ts";
import { rangeCodec } from "./range-codec.ts";
import { settingsOf } from "./settings.ts";
import { View } from "./view.ts";

/** Connects within a given world: that of the machine, or that of a test. */
export async function connectWithin<V, N extends KeyKind>(
  runtime: Runtime,
  url: string | URL | undefined,
  options: ConnectOptions<V, N>,
): Promise<Database<V, N>> {
  const lifecycle = new Lifecycle(settingsOf(url, options), runtime, options);
  const keys = new Keys(new Uint8Array(0), (options.keys ?? "string") as N);
  const codec = rangeCodec(options.codec ?? codecs.msgpack<V>());
  await lifecycle.connect(options.signal);
  return new Database(lifecycle, new View(lifecycle.pipeline, keys, codec));
}
