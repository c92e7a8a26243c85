import { randomBelow, type Random } from "../../src/lib/random.ts";
import { fillRequest, type Dialect, type RequestTemplate } from "./dialect.ts";
import type { KeySource } from "./key-source.ts";
import { idFirst } from "./request-kinds.ts";

/** Requests one behind the other, encoded once and sent again and again, each time for other entries. */
export class RequestBatch {
  readonly bytes: Buffer;
  /** The entry of the first set among them at this time; -1 if all are gets. */
  setEntry = -1;
  private readonly view: DataView;
  private readonly templates: RequestTemplate[];
  private readonly starts: number[] = [];

  constructor(templates: RequestTemplate[]) {
    this.templates = templates;
    this.bytes = Buffer.concat(templates.map(({ bytes }) => bytes));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    let start = 0;
    for (const [index, { bytes, slotOffset }] of templates.entries()) {
      this.starts.push(start);
      if (slotOffset >= 0) this.view.setUint16(start + slotOffset, idFirst + index);
      start += bytes.length;
    }
  }

  get count(): number {
    return this.templates.length;
  }

  fill(keys: KeySource): void {
    const { starts, templates, view } = this;
    this.setEntry = -1;
    for (let index = 0; index < starts.length; index++) {
      const template = templates[index]!;
      const entryNumber = keys.next();
      fillRequest(view, starts[index]!, template, entryNumber);
      if (template.valueOffset >= 0) this.setEntry = entryNumber;
    }
  }
}

/**
 * Batches that have, taken together, exactly this share of sets, at random places: so a mix costs the generator no more
 * than one kind does.
 */
export function batchesOf(
  mix: { dialect: Dialect; setPercent: number; valueBytes: number; stamp: number },
  pipeline: number,
  random: Random,
): RequestBatch[] {
  const { dialect, setPercent } = mix;
  const set = dialect.template("set", mix);
  const get = dialect.template("get", mix);
  const isMixed = setPercent > 0 && setPercent < 100;
  const batchCount = isMixed ? mixedBatches : 1;
  const templates = Array.from({ length: batchCount * pipeline }, (_, index) =>
    index < Math.round((batchCount * pipeline * setPercent) / 100) ? set : get,
  );
  shuffle(templates, random);
  return Array.from(
    { length: batchCount },
    (_, index) => new RequestBatch(templates.slice(index * pipeline, (index + 1) * pipeline)),
  );
}

const mixedBatches = 20;

function shuffle<T>(items: T[], random: Random): void {
  for (let index = items.length - 1; index > 0; index--) {
    const other = randomBelow(random, index + 1);
    [items[index], items[other]] = [items[other]!, items[index]!];
  }
}
