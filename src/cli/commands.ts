import type { Command } from "./command.ts";
import { deleteCommand, getCommand, putCommand } from "./entry-commands.ts";
import { scanCommand } from "./scan-command.ts";
import { serveCommand } from "./serve-command.ts";
import { pingCommand, statsCommand } from "./server-commands.ts";
import { walDumpCommand, walVerifyCommand } from "./wal-commands.ts";

/** All that can be typed behind "holdfast", in the order in which the help lists it. */
export const commands: readonly Command[] = [
  serveCommand,
  getCommand,
  putCommand,
  deleteCommand,
  scanCommand,
  pingCommand,
  statsCommand,
  walDumpCommand,
  walVerifyCommand,
];
