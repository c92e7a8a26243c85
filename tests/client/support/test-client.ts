import { connectWithin } from "../../../client/connect.ts";
import type { Database } from "../../../client/database.ts";
import type { ClientWarning, ConnectionState, ConnectOptions } from "../../../client/options.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { settle, TestClock } from "./test-clock.ts";

/** A client whose network and time are the test's. */
export interface TestClient {
  readonly db: Database;
  readonly network: MemoryNetwork;
  readonly clock: TestClock;
  readonly states: ConnectionState[];
  readonly warnings: ClientWarning[];
}

/** A client that is connected, on a network that does nothing by itself from then on. */
export async function connectedClient(
  options: ConnectOptions = {},
  network = new MemoryNetwork(),
  seed = 1,
): Promise<TestClient> {
  const clock = new TestClock();
  const states: ConnectionState[] = [];
  const warnings: ClientWarning[] = [];
  const listeners: ConnectOptions = {
    onStateChange: (state) => void states.push(state),
    onWarning: (warning) => void warnings.push(warning),
    ...options,
  };
  const runtime = { clock, random: seededRandom(seed), openTransport: network.open };
  network.isAutomatic = true;
  const db = await connectWithin(runtime, "holdfast://test", listeners);
  await settle();
  network.isAutomatic = false;
  return { db, network, clock, states, warnings };
}

/** How a promise stands, without waiting for it. */
export interface Settlement {
  state: "pending" | "fulfilled" | "rejected";
  value?: unknown;
  error?: any;
}

export function watch(promise: Promise<unknown>): Settlement {
  const settlement: Settlement = { state: "pending" };
  promise.then(
    (value) => Object.assign(settlement, { state: "fulfilled", value }),
    (error) => Object.assign(settlement, { state: "rejected", error }),
  );
  return settlement;
}
