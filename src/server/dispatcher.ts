import type { Replies, Store } from "../engine/store.ts";
import { assert } from "../lib/assert.ts";
import { opcode } from "../protocol/opcodes.ts";
import type { RequestDecoder } from "../protocol/request.ts";
import { CheckpointReplies, type CheckpointAnswers } from "./checkpoint-replies.ts";

/**
 * Hands a decoded request to the store, which answers through `replies`. The decoder itself is the write, the
 * cursor over operations and the cursor over keys, so nothing is made for a request on its way.
 *
 * Hello, ping and stats are answered by the session; they concern the server and not the store.
 */
export function dispatch(request: RequestDecoder, store: Store, replies: Replies & CheckpointAnswers): void {
  const id = request.correlationId;
  switch (request.opcode) {
    case opcode.get:
      store.get(id, request.bytes, request.keyStart, request.keyEnd, request.snapshotId, replies);
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
      store.getMany(id, request, request.snapshotId, replies);
      return;
    case opcode.scan:
      store.scan(id, request.scan!, request.scan!.snapshotId, replies);
      return;
    case opcode.checkpoint:
      store.checkpoint(id, new CheckpointReplies(replies));
      return;
    case opcode.compact:
      store.compact(id, replies);
      return;
    case opcode.openSnapshot:
      store.openSnapshot(id, request.leaseMs, replies);
      return;
    case opcode.renewSnapshot:
      store.renewSnapshot(id, request.snapshotId, request.leaseMs, replies);
      return;
    case opcode.closeSnapshot:
      store.closeSnapshot(id, request.snapshotId, replies);
      return;
    default:
      assert(false, "only requests to the store are dispatched to it");
  }
}
