/**
 * What hostile peers do, each kind over as many connections as it is told. Whoever is sent away comes again at once:
 * a server that only threw them out would have gained nothing.
 */
export const attackKinds = [
  "idle",
  "half-frames",
  "drip",
  "deaf",
  "pings",
  "gets",
  "puts",
  "garbage",
  "connects",
] as const;

export type AttackKind = (typeof attackKinds)[number];

/** All of them at the same time share the connections. */
export type Attack = AttackKind | "mix";

export const aboutAttack: Readonly<Record<Attack, string>> = {
  idle: "connect, and say nothing",
  "half-frames": "declare the largest frame, and send a part of it",
  drip: "send one byte of a frame a second",
  deaf: "ask for large values and pages, and read none",
  pings: "pings as fast as they are taken",
  gets: "gets as fast as they are taken",
  puts: "durable puts as fast as they are taken",
  garbage: "a hello and noise, or noise alone, again and again",
  connects: "connect, say hello, and leave, again and again",
  mix: "all of these at once",
};

export const attacks: readonly Attack[] = [...attackKinds, "mix"];

/** What the process of the attackers is told, and what it tells. */
export interface AttackOrders {
  readonly attack: Attack;
  readonly port: number;
  readonly connections: number;
  readonly seed: number;
  /** Of a half frame, so much is sent. */
  readonly halfFrameBytes: number;
}

export interface AttackReport {
  /** Connections that were made, ever, and those that are open now. */
  readonly connected: number;
  readonly open: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** For each put key that was acknowledged the number of its last acknowledged put, which its value holds. */
  readonly acknowledged: readonly (readonly [key: string, number: number])[];
}
