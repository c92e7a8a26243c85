import type { Clock } from "../lib/clock.ts";
import type { LogFields, Logger } from "../server/logger.ts";
import type { Output } from "./world.ts";

/**
 * The server's log on standard error: for people on a terminal, else one JSON object a line, with the field names
 * that log collectors expect (level, time in milliseconds since 1970, msg).
 */
export function logTo(output: Output, clock: Clock, isColored: boolean): Logger {
  const log = (level: Level, message: string, fields: LogFields = {}) => {
    const line = output.isTerminal
      ? prettyLine(level, clock.wallMs(), message, fields, isColored)
      : JSON.stringify({ level, time: Math.round(clock.wallMs()), msg: message, ...fields });
    void output.write(`${line}\n`);
    // Nobody is left to be told that the log can't be written; the server serves on.
    output.flush().catch(() => {});
  };
  return {
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
  };
}

type Level = "info" | "warn" | "error";

const colors: Readonly<Record<Level, string>> = { info: "\x1b[32m", warn: "\x1b[33m", error: "\x1b[31m" };
const dim = "\x1b[2m";
const plain = "\x1b[0m";
const timeOfDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

function prettyLine(
  level: Level,
  wallMs: number,
  message: string,
  fields: LogFields,
  isColored: boolean,
): string {
  const paint = (text: string, color: string) => (isColored ? `${color}${text}${plain}` : text);
  const details = Object.entries(fields).map(([name, value]) => {
    const shown = typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
    return `  ${paint(`${name}=`, dim)}${shown}`;
  });
  const time = paint(timeOfDay.format(wallMs), dim);
  return `${time} ${paint(level.padEnd(5), colors[level])} ${message}${details.join("")}`;
}
