import { InvalidArgumentError } from "../src/lib/errors.ts";
import * as limits from "../src/lib/limits.ts";
import type { ConnectOptions, KeyKind, WriteCondition } from "./options.ts";
import { parseUrl, urlDefault, type ServerAddress } from "./url.ts";

/** The options with their defaults filled in and checked. */
export interface Settings {
  readonly address: ServerAddress;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly queueBytesMax: number;
  readonly keepAliveMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly reconnectDelayMsMax: number;
  readonly clientName: string | undefined;
}

export function settingsOf<V, N extends KeyKind>(
  url: string | URL | undefined,
  options: ConnectOptions<V, N>,
): Settings {
  const address = parseUrl(String(url ?? globalThis.process?.env["HOLDFAST_URL"] ?? urlDefault));
  const timeoutMs = options.timeoutMs ?? address.timeoutMs ?? limits.callTimeoutMsDefault;
  return {
    address,
    timeoutMs: checkDuration("timeoutMs", timeoutMs),
    connectTimeoutMs: checkDuration(
      "connectTimeoutMs",
      options.connectTimeoutMs ?? limits.connectTimeoutMsDefault,
    ),
    closeTimeoutMs: checkDuration("closeTimeoutMs", options.closeTimeoutMs ?? limits.closeTimeoutMsDefault),
    queueBytesMax: checkPositive("queueBytesMax", options.queueBytesMax ?? limits.queueBytesMaxDefault),
    keepAliveMs: checkDuration("keepAliveMs", options.keepAliveMs ?? limits.keepAliveMsDefault),
    keepAliveTimeoutMs: checkDuration(
      "keepAliveTimeoutMs",
      options.keepAliveTimeoutMs ?? limits.keepAliveTimeoutMsDefault,
    ),
    reconnectDelayMsMax: checkDuration(
      "reconnectDelayMsMax",
      options.reconnectDelayMsMax ?? limits.reconnectDelayMsMaxDefault,
    ),
    clientName: options.clientName,
  };
}

/** A deadline is always finite, so that every promise settles; and a timer holds no more than 31 bits. */
export function checkDuration(name: string, milliseconds: number): number {
  if (!Number.isInteger(milliseconds) || milliseconds < 1 || milliseconds > limits.timerMsMax)
    throw new InvalidArgumentError(
      `Cannot use ${name}: ${milliseconds} is no whole number within 1 to ${limits.timerMsMax} milliseconds`,
    );
  return milliseconds;
}

function checkPositive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`Cannot use ${name}: ${value} is no positive whole number`);
  return value;
}

/** The version that a write asks for, or undefined if it always happens. */
export function ifVersionOf(condition: WriteCondition | undefined): number | undefined {
  if (condition === undefined) return undefined;
  const { ifVersion, ifAbsent } = condition;
  if (ifVersion === undefined) {
    // Otherwise `{ ifVersion: entry?.version }` would silently overwrite when there is no entry.
    if ("ifVersion" in condition)
      throw new InvalidArgumentError(
        "Cannot use ifVersion: it is undefined; leave it out, or use 0 for an entry that must not exist",
      );
    return ifAbsent === true ? 0 : undefined;
  }
  if (ifAbsent === true)
    throw new InvalidArgumentError("Cannot use ifVersion together with ifAbsent: choose one");
  if (!Number.isSafeInteger(ifVersion) || ifVersion < 0)
    throw new InvalidArgumentError(`Cannot use ifVersion: ${ifVersion} is no version`);
  return ifVersion;
}
