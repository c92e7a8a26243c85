import type { Replies, Store } from "../engine/store.ts";
import { assert } from "../lib/assert.ts";
import { opcode } from "../protocol/opcodes.ts";
import type { RequestDecoder } from "../protocol/request.ts";

/**
 * Hands a decoded request to the store, which answers through `replies`. The decoder itself is the write, the
 * cursor over operations and the cursor over keys, so nothing is made for a request on its way.
 *
 * Hello, ping and stats are answered by the session; they concern the server and not the store.
 */
export function dispatch(request: RequestDecoder, store: Store, replies: Replies): void {
  const id = request.correlationId;
  switch (request.opcode) {
    case opcode.get:
      store.get(id, request.bytes, request.keyStart, request.keyEnd, replies);
      return;
    case opcode.put:
      store.put(id, request, replies);
      return;
    case opcode.delete:
      store.delete(id, request, replies);
      return;
    case opcode.batch:
      store.batch(id, request, replies);
      return;
    case opcode.getMany:
      store.getMany(id, request, replies);
      return;
    case opcode.scan:
      store.scan(id, request.scan!, replies);
      return;
    default:
      assert(false, "only requests to the store are dispatched to it");
  }
}
