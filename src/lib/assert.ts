/**
 * Assertions are for our own bugs; what the world does wrong (a disk, a peer, a caller) gets an error with a
 * code instead. They stay on in production: a store that carries on after a broken invariant spreads the damage.
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}

/** Marks a place that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

export class AssertionError extends Error {
  readonly code = "ASSERTION_FAILED";

  constructor(invariant: string) {
    super(`Holdfast has a bug: this does not hold: ${invariant}`);
    this.name = "AssertionError";
  }
}
