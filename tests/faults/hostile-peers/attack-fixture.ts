import type { AttackOrders } from "./attack-kinds.ts";
import { Attackers } from "./attackers.ts";

/** The process of the attackers, which ends when nobody listens to it any more. */
const attackers = new Attackers(JSON.parse(process.argv[2]!) as AttackOrders);
attackers.start();
process.on("message", () => process.send!(attackers.report()));
process.on("disconnect", () => process.exit(0));
