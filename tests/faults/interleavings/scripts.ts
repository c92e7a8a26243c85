import type { EngineOptions } from "../../../src/engine/open.ts";
import type { WriteWords } from "../../engine/engine-driver.ts";

/** One thing that an actor does, in one turn of the event loop. */
export type Step =
  | { readonly do: "write"; readonly operations: readonly WriteWords[] }
  | { readonly do: "checkpoint" | "compact" | "close" };

/** Actors that go on at once, each step after step; how their steps and the store's own interleave is enumerated. */
export interface Script {
  readonly name: string;
  readonly actors: readonly (readonly Step[])[];
  readonly options: Partial<EngineOptions>;
  /** One sync of the schedule may fail: any, or only one beside which another one of its directory is in flight. */
  readonly mayFail?: "any sync" | "one of two";
  /** Written and durable before the script begins. */
  readonly before?: readonly Step[];
}

const put = (key: string, bytes = 4): Step => ({
  do: "write",
  operations: [{ key, value: `${key} `.padEnd(bytes, "x") }],
});
const remove = (key: string): Step => ({ do: "write", operations: [{ key }] });
const batch = (...keys: string[]): Step => ({
  do: "write",
  operations: keys.map((key, index) => (index % 3 === 2 ? { key } : { key, value: `batched ${key}` })),
});
const checkpoint: Step = { do: "checkpoint" };
const compact: Step = { do: "compact" };
const close: Step = { do: "close" };

/** So small that every few writes begin a segment. */
const small = { segmentBytesMax: 512 };
const large = { segmentBytesMax: 16_384 };

export const scripts: readonly Script[] = [
  {
    name: "two writers",
    actors: [
      [put("a"), put("b"), remove("a")],
      [batch("a", "b", "c"), put("c")],
    ],
    options: large,
  },
  {
    name: "writers and a rotation",
    actors: [[put("a", 200), put("b", 200)], [put("a", 150)]],
    options: small,
  },
  {
    name: "a writer and a checkpoint",
    actors: [[put("a"), put("b"), put("a")], [checkpoint]],
    options: large,
  },
  {
    name: "a writer and two checkpoints",
    actors: [[put("a"), put("b")], [checkpoint], [checkpoint]],
    options: small,
    before: [put("z")],
  },
  {
    name: "rotations beside the end of a flush",
    actors: [[put("a", 300), put("b", 300), put("c", 300)], [checkpoint]],
    options: small,
    before: [put("z", 300), put("y", 300)],
  },
  { name: "a writer and the end", actors: [[put("a"), batch("a", "b")], [close]], options: large },
  {
    name: "a rotation and the end",
    actors: [[put("a", 300), put("b", 300)], [close]],
    options: small,
  },
  {
    name: "a checkpoint and the end",
    actors: [[put("a"), checkpoint], [close]],
    options: small,
    before: [put("b", 300)],
  },
  {
    name: "a merge, a writer and the end",
    actors: [[put("a"), remove("z")], [compact], [close]],
    options: small,
    before: [put("z", 300), put("y", 300)],
  },
  {
    name: "a writer, a checkpoint and a sync that fails",
    actors: [[put("a", 300), put("b", 300)], [checkpoint]],
    options: small,
    before: [put("z", 300)],
    mayFail: "any sync",
  },
  {
    name: "writers, the end and a sync that fails",
    actors: [[put("a"), put("b")], [batch("c", "d")], [close]],
    options: large,
    mayFail: "any sync",
  },
  {
    name: "many rotations, and one of two syncs fails",
    actors: [[put("a", 300), put("b", 300), put("c", 300), put("d", 300), put("e", 300)]],
    options: small,
    mayFail: "one of two",
  },
];
