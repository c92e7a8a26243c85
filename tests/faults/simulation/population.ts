import { Dice } from "./dice.ts";
import type { Ledger } from "./ledger.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimulatedClient } from "./simulated-client.ts";
import { SimulatedConnection, type NetworkPlan, type Peer } from "./simulated-connection.ts";
import type { SimulatedServer } from "./simulated-server.ts";
import type { Feature } from "./simulation-options.ts";
import { Workload } from "./workload.ts";

export interface PopulationWorld {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly ledger: Ledger;
  readonly networkPlan: NetworkPlan;
  readonly pageEntriesMax: number;
  /** Of all clients together, at the most. */
  readonly requests: number;
  has(feature: Feature): boolean;
  /** The one that lives now. */
  server(): SimulatedServer;
}

/** All clients of a simulated store, and their connections to the server that lives now. */
export class Population {
  /** Requests that they will send. */
  readonly requests: number;
  readonly #world: PopulationWorld;
  readonly #dice: Dice;
  readonly #clients: SimulatedClient[] = [];
  readonly #connections: SimulatedConnection[] = [];
  #lastId = 0;

  constructor(world: PopulationWorld, clientsMax: number) {
    this.#world = world;
    const { seed, scheduler, ledger, pageEntriesMax, has } = world;
    const dice = (this.#dice = new Dice(seed, "population"));
    const workload = new Workload({
      ledger,
      keys: Array.from({ length: dice.between(2, 10) }, (_, index) => `key-${index}`),
      valueBytesMax: dice.pick([30, 120, 400]),
      nowUs: () => scheduler.nowUs,
      has,
      pageEntriesMax,
    });
    const nextId = () => ++this.#lastId;
    const connect = (peer: Peer) => this.#connect(peer);
    const clientWorld = { scheduler, ledger, workload, has, nextId, connect };
    const clients = dice.between(1, clientsMax);
    let requests = 0;
    for (let index = 0; index < clients; index++) {
      const own = 1 + dice.below(Math.ceil(world.requests / clients));
      requests += own;
      this.#clients.push(new SimulatedClient(clientWorld, new Dice(seed, `client ${index}`), own));
    }
    this.requests = requests;
  }

  /** Everybody has sent everything, and waits for nothing. */
  get isDone(): boolean {
    return this.#clients.every(({ isDone }) => isDone);
  }

  get answered(): number {
    return this.#clients.reduce((sum, { answered }) => sum + answered, 0);
  }

  get waiting(): string {
    return this.#clients
      .map(({ waiting, left }, index) => `client ${index} waits for [${waiting}], ${left} left`)
      .join("; ");
  }

  /** The server's process is gone. What it had sent may still arrive, or a part of it. */
  cutConnections(mayArrive: boolean): void {
    for (const connection of this.#connections.splice(0)) connection.cut(mayArrive);
  }

  #connect(peer: Peer): SimulatedConnection | undefined {
    const server = this.#world.server();
    if (server.state !== "serving") return undefined;
    const { scheduler, networkPlan } = this.#world;
    const connection = new SimulatedConnection(scheduler, server, this.#dice, networkPlan, peer);
    connection.session = server.connect(connection);
    this.#connections.push(connection);
    return connection;
  }
}
