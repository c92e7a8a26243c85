import type { Command } from "./command.ts";
import { deleteCommand, getCommand, putCommand } from "./entry-commands.ts";
import { manifestDumpCommand } from "./manifest-commands.ts";
import { scanCommand } from "./scan-command.ts";
import { serveCommand } from "./serve-command.ts";
import { pingCommand, statsCommand } from "./server-commands.ts";
import { backupCommand, checkCommand, restoreCommand } from "./store-commands.ts";
import { tableDumpCommand, tableVerifyCommand } from "./table-commands.ts";
import { checkpointCommand, compactCommand } from "./upkeep-commands.ts";
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
  checkpointCommand,
  compactCommand,
  checkCommand,
  backupCommand,
  restoreCommand,
  walDumpCommand,
  walVerifyCommand,
  tableDumpCommand,
  tableVerifyCommand,
  manifestDumpCommand,
];
