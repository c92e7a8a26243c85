import { expect, test } from "bun:test";
import { ConflictError } from "../../src/engine/errors.ts";
import {
  HoldfastError,
  InvalidArgumentError,
  LimitError,
  UnknownOutcomeError,
} from "../../src/lib/errors.ts";
import { RefusedError } from "../../src/protocol/protocol-error.ts";
import { outcome, status } from "../../src/protocol/status.ts";
import { refusalOf } from "../../src/server/refusal.ts";

const { notApplied, unknown } = outcome;

const rows: [string, HoldfastError, number, number, number[]][] = [
  ["a limit", new LimitError("the key", 9, 5), status.LIMIT_EXCEEDED, notApplied, [5, 9]],
  ["a conflict", new ConflictError(0, 7, 2), status.CONFLICT, notApplied, [7, 2]],
  ["an argument", new InvalidArgumentError("the key is empty"), status.INVALID_ARGUMENT, notApplied, []],
  ["a full disk", new HoldfastError("DISK_FULL", "full"), status.DISK_FULL, notApplied, []],
  ["a failed disk", new HoldfastError("STORAGE_FAULT", "gone"), status.STORAGE_FAULT, unknown, []],
  ["an unknown outcome", new UnknownOutcomeError("who knows"), status.INTERNAL, unknown, []],
  [
    "a refusal of the protocol",
    new RefusedError(status.UNSUPPORTED, "no"),
    status.UNSUPPORTED,
    notApplied,
    [],
  ],
  ["what has no name on the wire", new HoldfastError("WAL_FENCED", "taken"), status.INTERNAL, notApplied, []],
  ["what claims to be OK", new HoldfastError("OK", "hm"), status.INTERNAL, notApplied, []],
];

test.each(rows)(
  "%s is told with its status, its outcome and its details",
  (_name, error, code, ending, details) => {
    expect(refusalOf(error)).toEqual({ status: code as never, outcome: ending as never, details });
  },
);
