import type { Replies } from "../engine/store.ts";
import { AssertionError } from "../lib/assert.ts";
import type { HoldfastError } from "../lib/errors.ts";

/** Who answers checkpoints. */
export interface CheckpointAnswers {
  checkpointed(id: number, seq: number, visibleAt: number): void;
  refused(id: number, refusal: HoldfastError, visibleAt: number): void;
}

/**
 * A store says that a checkpoint is done as it says so of what has no result. On the wire the one has a seq, which
 * may be 0, and the other has none; so the replies to a checkpoint have to know that they are. One is made for each,
 * and checkpoints that somebody asks for are rare.
 */
export class CheckpointReplies implements Replies {
  readonly #answers: CheckpointAnswers;

  constructor(answers: CheckpointAnswers) {
    this.#answers = answers;
  }

  done(id: number, seq: number, visibleAt: number): void {
    this.#answers.checkpointed(id, seq, visibleAt);
  }

  refused(id: number, refusal: HoldfastError, visibleAt: number): void {
    this.#answers.refused(id, refusal, visibleAt);
  }

  entry(): never {
    return noAnswer();
  }

  written(): never {
    return noAnswer();
  }

  pageEntry(): never {
    return noAnswer();
  }

  page(): never {
    return noAnswer();
  }

  snapshot(): never {
    return noAnswer();
  }
}

function noAnswer(): never {
  throw new AssertionError("a checkpoint is answered as one");
}
