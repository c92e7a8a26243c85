/** An input that shows a bug, of ours or of the machinery: what it is, and its bytes as hex. */
export class Violation extends Error {
  readonly hex: string;

  constructor(what: string, hex: string, cause: unknown) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`${what}: ${reason}`, { cause });
    this.name = "Violation";
    this.hex = hex;
  }
}
