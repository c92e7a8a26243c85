import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const queue = "server/response-queue.ts";
const anything = [
  "durability.test.ts",
  "whatever peers ask and whenever groups end, nothing leaves early",
] as const;
const waits = (what: string) => ["durability.test.ts", `a response to ${what} waits as well`] as const;
const inOrder = [
  "waiting-responses.test.ts",
  "responses come out in their order, none before its seq",
] as const;

/** The gate of the server: no answer leaves before what it depends on is durable. */
export const serverMutants: readonly PlacedMutant[] = killedIn("tests/server", [
  {
    name: "an answer does not wait",
    changes: [
      change(queue, "if (visibleAt > this.#store.ackableSeq) return this.#waiting.begin(visibleAt);", ""),
    ],
    killer: ["durability.test.ts", "a response to a put waits until its write is durable"],
  },
  {
    name: "an answer waits for all but the last that it depends on",
    changes: [
      change(
        queue,
        "if (visibleAt > this.#store.ackableSeq) return",
        "if (visibleAt > this.#store.ackableSeq + 1) return",
      ),
    ],
    killer: ["durability.test.ts", "a response to a put waits until its write is durable"],
  },
  {
    name: "nobody asserts at the socket that what leaves is durable",
    changes: [change(queue, "this.#readyVisibleAt <= this.#store.ackableSeq,", "true,")],
    killer: ["durability.test.ts", "a response that would leave too early stops the server instead"],
  },
  {
    name: "the assertion at the socket does not know what was released",
    changes: [change(queue, "if (seq > this.#readyVisibleAt) this.#readyVisibleAt = seq;", "")],
    killer: ["durability.test.ts", "a response that would leave too early stops the server instead"],
  },
  {
    name: "a value does not wait for the write that it shows",
    changes: [
      change(queue, "encodeEntry(this.#writerFor(visibleAt), id", "encodeEntry(this.#writerFor(0), id"),
    ],
    killer: waits("a get of a pending value"),
  },
  {
    name: "an acknowledgement does not wait for its sync",
    changes: [
      change(queue, "encodeWritten(this.#writerFor(visibleAt), id", "encodeWritten(this.#writerFor(0), id"),
    ],
    killer: ["durability.test.ts", "a response to a put waits until its write is durable"],
  },
  {
    name: "a page does not wait for what it shows",
    changes: [
      change(
        queue,
        "this.#page.finish(this.#writerFor(visibleAt), id",
        "this.#page.finish(this.#writerFor(0), id",
      ),
    ],
    killer: waits("a scan over one"),
  },
  {
    name: "a snapshot does not wait for what it sees",
    changes: [
      change(queue, "encodeSnapshot(this.#writerFor(visibleAt), id", "encodeSnapshot(this.#writerFor(0), id"),
    ],
    killer: ["snapshot-requests.test.ts", "a snapshot does not show a write before it is durable"],
  },
  {
    name: "a refusal does not wait for what it tells",
    changes: [
      change(
        queue,
        "this.#encodeRefusal(this.#writerFor(visibleAt), id",
        "this.#encodeRefusal(this.#writerFor(0), id",
      ),
    ],
    killer: waits("a refused condition on a pending value"),
  },
  {
    name: "an answer that came late does not wait",
    changes: [
      change(queue, "encodeDone(this.#writerFor(visibleAt), id", "encodeDone(this.#writerFor(0), id"),
    ],
    killer: ["../faults/mutants/store-gaps.test.ts", "an answer without content waits like any other"],
  },
  {
    name: "an answer to a checkpoint does not wait",
    changes: [
      change(
        queue,
        "encodeCheckpointed(this.#writerFor(visibleAt), id",
        "encodeCheckpointed(this.#writerFor(0), id",
      ),
    ],
    killer: [
      "late-answers.test.ts",
      "an answer that comes when nothing else happens waits for what it depends on",
    ],
  },
  {
    name: "after a fault what waits is sent as if it were durable",
    changes: [
      change(
        queue,
        "const waiting = this.#waiting.takeAll();\n    if (waiting === undefined) return;\n    const ready",
        "if (!this.#waiting.isEmpty) this.#ready = this.#waiting.release(Infinity, this.#ready);\n    const waiting = this.#waiting.takeAll();\n    if (waiting === undefined) return;\n    const ready",
      ),
    ],
    killer: ["server-lifetime.test.ts", "a store that fails makes every waiting write's outcome unknown"],
  },
  {
    name: "one chunk too many is released",
    changes: [
      change(
        "server/waiting-responses.ts",
        "this.#seqs[chunk]! <= ackableSeq) chunk++;",
        "this.#seqs[chunk]! <= ackableSeq + 1) chunk++;",
      ),
    ],
    killer: ["waiting-responses.test.ts", "the buffer itself changes hands when all of it is released"],
  },
  {
    name: "a chunk leaves with the first of its responses",
    changes: [
      change(
        "server/waiting-responses.ts",
        "if (visibleAt > this.#seqs[last]!) this.#seqs[last] = visibleAt;",
        "",
      ),
    ],
    killer: [
      "durability.test.ts",
      "a response is held for the whole chunk when a group ends in the middle of it",
    ],
  },
  {
    name: "a response joins a chunk that leaves before it may",
    changes: [
      change(
        "server/waiting-responses.ts",
        "visibleAt <= this.#seqs[last]!",
        "visibleAt >= this.#seqs[last]!",
      ),
    ],
    killer: inOrder,
  },
  {
    name: "more is released than was said",
    changes: [
      change(
        "server/waiting-responses.ts",
        "this.#seqs[this.#head]! <= seq)\n",
        "this.#seqs[this.#head]! <= seq + 1)\n",
      ),
    ],
    killer: anything,
  },
]);
