// Runs the behaviours with the built client, as an installed package, under whatever run time this is: one line of JSON each.
import * as client from "holdfast";
import { behaviours, runBehaviour } from "./behaviours.js";

const [url, prefix] = process.argv.slice(2);
for (const [index, behaviour] of behaviours.entries()) {
  let failure;
  try {
    await runBehaviour(behaviour, client, url, `${prefix}${index}/`);
  } catch (error) {
    failure = String(error?.stack ?? error);
  }
  console.log(JSON.stringify({ name: behaviour.name, failure }));
}
