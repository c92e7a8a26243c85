import { readFile } from "node:fs/promises";
import type { Keyspace } from "../../client/client.ts";
import { HoldfastError, LimitError } from "../../src/lib/errors.ts";
import type { ListedFile } from "./file-list.ts";
import { spread } from "./in-flight.ts";

/** Values are the files' bytes, as they are. */
export type FileStore = Pick<Keyspace<Uint8Array>, "get" | "put">;

/** What was sent for a file, and what became of it. */
export interface SentFile {
  readonly file: ListedFile;
  readonly digest: string;
  /** `unknown`: sent, and the answer never came. `not-applied`: certainly not stored. */
  outcome: "acknowledged" | "unknown" | "not-applied";
}

/** So much is asked for at once: enough to fill every group commit, and little enough to answer in time. */
const window = { itemsMax: 256, bytesMax: 32 * 1024 * 1024 };

export interface StoreHooks {
  readonly onAcknowledged?: (file: ListedFile) => void;
  /** The file went, or grew beyond a limit, since it was listed. */
  readonly onSkipped?: (file: ListedFile) => void;
  readonly isOver?: () => boolean;
}

/** Stores files, many at once, until all are stored or `isOver` says so. Says which were sent, and how they ended. */
export async function storeFiles(
  store: FileStore,
  files: readonly ListedFile[],
  hooks: StoreHooks = {},
): Promise<SentFile[]> {
  const sent: SentFile[] = [];
  const itemsMax = Math.max(1, Math.min(window.itemsMax, Math.ceil(files.length / 8)));
  const storeOne = async (file: ListedFile) => {
    const bytes = await readFile(file.path).catch(() => undefined);
    if (hooks.isOver?.()) return;
    if (bytes === undefined) return hooks.onSkipped?.(file);
    const entry: SentFile = { file, digest: digestOf(bytes), outcome: "unknown" };
    sent.push(entry);
    try {
      await store.put(file.key, bytes);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      entry.outcome = (error as { outcome?: unknown }).outcome === "not-applied" ? "not-applied" : "unknown";
      if (hooks.isOver?.()) return;
      if (error instanceof LimitError && bytes.length !== file.bytes) return hooks.onSkipped?.(file);
      // Only the kill may stop a file from being stored; everything else is a failure of the demo.
      throw error;
    }
    entry.outcome = "acknowledged";
    hooks.onAcknowledged?.(file);
  };
  await spread(files, { ...window, itemsMax }, ({ bytes }) => bytes, storeOne, hooks.isOver);
  return sent;
}

export interface CheckResult {
  /** Acknowledged, and not there as it was sent: the keys. The promise is that there are none. */
  readonly lost: string[];
  /** Never acknowledged, and there with other bytes than were sent: half a write. There must be none either. */
  readonly mangled: string[];
  /** Never acknowledged, and there whole all the same. */
  readonly arrived: number;
}

/** Reads back everything that was sent, and compares it byte for byte with the files. */
export async function checkFiles(
  store: FileStore,
  sent: readonly SentFile[],
  onChecked: () => void = () => {},
): Promise<CheckResult> {
  const result = { lost: [] as string[], mangled: [] as string[], arrived: 0 };
  const checkOne = async ({ file, digest, outcome }: SentFile) => {
    const value = await store.get(file.key);
    const isWhole = value !== undefined && (await isAsSent(value, file, digest));
    if (outcome === "acknowledged") {
      if (!isWhole) result.lost.push(file.key);
      onChecked();
    } else if (value !== undefined) {
      if (outcome === "unknown" && isWhole) result.arrived++;
      else result.mangled.push(file.key);
    }
  };
  await spread(sent, window, ({ file }) => file.bytes, checkOne);
  return result;
}

async function isAsSent(value: Uint8Array, file: ListedFile, digest: string): Promise<boolean> {
  const bytes = await readFile(file.path).catch(() => undefined);
  if (bytes !== undefined && bytes.equals(value)) return true;
  // Somebody may have changed the file since it was sent.
  return digestOf(value) === digest;
}

function digestOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
