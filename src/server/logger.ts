/**
 * Where the server says what a person who runs it should know. `fields` are flat and hold no keys and no values
 * of users. Never called for a single request.
 */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean>>;

export const silentLogger: Logger = {
  info() {},
  warn() {},
  error() {},
};
