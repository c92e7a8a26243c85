import { randomBelow, randomBytes, type Random } from "../../../src/lib/random.ts";
import { hexOf, type Response } from "../../protocol/message.ts";
import { announcedLimits } from "./naive-responses.ts";

/** An answer to hello as servers give it, with any limits. */
export function helloReply(random: Random): Response {
  const limit = () => Math.floor(2 ** randomBelow(random, 54)) - randomBelow(random, 2);
  const limits = Object.fromEntries(announcedLimits.map((name) => [name, Math.max(0, limit())]));
  return {
    message: "helloReply",
    id: 1 + randomBelow(random, 0xffff),
    info: {
      server: `holdfast/${randomBelow(random, 100)}`,
      storeId: hexOf(randomBytes(random, 16)),
      syncMode: (["always", "batch", "none"] as const)[randomBelow(random, 3)]!,
      ...(randomBelow(random, 2) === 0 && { bootId: hexOf(randomBytes(random, 8)) }),
      limits: limits as never,
    },
  };
}
