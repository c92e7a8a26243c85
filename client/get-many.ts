import { getManyRequestKeyBytesMax } from "../src/lib/limits.ts";
import { encodeGetMany } from "../src/protocol/request-encoder.ts";
import { MalformedError } from "../src/protocol/protocol-error.ts";
import { PageCursor } from "../src/protocol/response-decoder.ts";
import { TimeoutError } from "./errors.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions, Key } from "./options.ts";
import { ownKey, type View } from "./view.ts";

/**
 * Reads many entries: in as many requests as the server's limits ask for, and as many again as its answers are cut
 * into. One deadline covers all of them.
 */
export async function getMany<V>(
  view: View<V>,
  keys: readonly Key[],
  options: CallOptions | undefined,
): Promise<(V | undefined)[]> {
  const { pipeline } = view;
  const timeoutMs = pipeline.timeoutOf(options);
  const deadlineMs = pipeline.clock.monotonicMs() + timeoutMs;
  const wanted = keys.map(ownKey);
  const values: (V | undefined)[] = [];
  while (values.length < wanted.length) {
    const args = { view, keys: wanted, from: values.length, values };
    // Rounded as a caller's timeouts are whole, and never above the one that was asked for.
    const leftMs = Math.min(timeoutMs, Math.ceil(deadlineMs - pipeline.clock.monotonicMs()));
    if (leftMs <= 0) throw new TimeoutError(operation.describe(args), "server", timeoutMs);
    await view.read(operation as Operation<GetManyArgs<V>, void>, args, {
      signal: options?.signal,
      timeoutMs: leftMs,
    });
  }
  return values;
}

interface GetManyArgs<V> {
  readonly view: View<V>;
  readonly keys: readonly Key[];
  /** The first key that is still to be read. */
  readonly from: number;
  /** Filled by the answer, one value for each key from `from` on. */
  readonly values: (V | undefined)[];
}

const operation: Operation<GetManyArgs<unknown>, void> = {
  isWrite: false,
  encode(writer, id, { view, keys, from }) {
    const { getManyKeysMax } = view.limits;
    const encoded: Uint8Array[] = [];
    let bytes = 0;
    for (let index = from; index < keys.length; index++) {
      const key = new Uint8Array(view.encodeKey(keys[index]!));
      bytes += key.length;
      if (encoded.length > 0 && (encoded.length === getManyKeysMax || bytes > getManyRequestKeyBytesMax))
        break;
      encoded.push(key);
    }
    encodeGetMany(writer, id, encoded, view.snapshotId);
  },
  decode(bytes, head, { view, keys, values }) {
    page.decode(bytes, head, "getMany");
    if (page.entryCount === 0 || page.entryCount > keys.length - values.length)
      throw new MalformedError(`${page.entryCount} entries answer ${keys.length - values.length} keys`);
    while (page.next()) {
      const key = keys[values.length]!;
      values.push(
        page.version === 0 ? undefined : view.decodeValue(key, bytes, page.valueStart, page.valueEnd),
      );
    }
  },
  describe: ({ keys }) => `get ${keys.length} keys`,
};

const page = new PageCursor();
