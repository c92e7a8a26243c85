import { HoldfastError } from "../lib/errors.ts";

/** The command line, or a setting in the environment, makes no sense. The message says what would. */
export class UsageError extends HoldfastError {
  constructor(message: string, options?: ErrorOptions) {
    super("USAGE", message, options);
  }
}
