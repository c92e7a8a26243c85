import { join } from "node:path";
import { within } from "../../support/eventually.ts";
import type { AttackOrders, AttackReport } from "./attack-kinds.ts";

/** The attackers, in a process of their own, which ends when this one does. */
export class AttackProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly #connections: number;
  #report = Promise.withResolvers<AttackReport>();

  constructor(orders: AttackOrders) {
    this.#connections = orders.connections;
    const words = [process.execPath, join(import.meta.dir, "attack-fixture.ts"), JSON.stringify(orders)];
    this.#child = Bun.spawn([...lastInLine(), ...words], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message) => this.#report.resolve(message as AttackReport),
    });
  }

  async report(): Promise<AttackReport> {
    this.#report = Promise.withResolvers();
    this.#child.send("report");
    return within("the attackers' report", this.#report.promise);
  }

  /** Waits until so many connections were made as there are to be at a time, or so long. */
  async allConnected(msMax: number): Promise<boolean> {
    const endMs = performance.now() + msMax;
    while ((await this.report()).connected < this.#connections) {
      if (performance.now() > endMs) return false;
      await Bun.sleep(50);
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/**
 * Real attackers have machines of their own. Here they share one with those whom they attack, so they get what the
 * server and its client leave of the processors: else a sync's thread would wait for them, which no server can help.
 */
function lastInLine(): string[] {
  return Bun.which("chrt") === null ? [] : ["chrt", "--idle", "0"];
}
