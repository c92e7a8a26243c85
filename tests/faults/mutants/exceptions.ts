/** A line that looks like a safeguard and needs no mutant of its own, and why. */
export interface Exception {
  readonly file: string;
  /** The line as it stands there, or its beginning. */
  readonly text: string;
  readonly why: string;
}

const names = "the names are made of what the lines before it decide, and those have their mutants";
const nobodys = "it removes what nobody was told of: an unfinished copy, whose next attempt removes the rest";
const wiring = "it only hands on what is called elsewhere, and there it has its mutant";

/** What safeguards.ts finds beyond the mutants. A line that is gone, or has a mutant now, must go from here, too. */
export const exceptions: readonly Exception[] = [
  {
    file: "src/wal/inspect.ts",
    text: 'if (group !== undefined) yield { kind: "stray", group, checksum: groupChecksum(bytes, at) };',
    why: "a tool shows the checksum that stands there, and compares nothing",
  },
  { file: "src/wal/open-log.ts", text: "const writer = new LogWriter(options,", why: wiring },
  { file: "src/wal/repair.ts", text: "fileSystem.unlink(join(directory, old));", why: names },
  {
    file: "src/wal/segment-walk.ts",
    text: "while ((at = segment.indexOf(groupMagicBytes, at + 1)) !== -1) {",
    why: "the loop ends where no magic is left; what is made of those that are found has its mutants",
  },
  {
    file: "src/wal/survey.ts",
    text: "const witness = findWitness(fileBytes(segment), segment.header, offset);",
    why: "the next line asks for what it found, and has its mutant",
  },
  { file: "src/table/table-file.ts", text: "return joinedChecksum(blocks, this.index,", why: wiring },
  {
    file: "src/manifest/edit-header.ts",
    text: "if (file.readUInt32BE(offset) !== editMagic) return undefined;",
    why: "the checksum that is compared behind it covers the magic; this only costs less",
  },
  {
    file: "src/manifest/edit-header.ts",
    text: "offset !== -1;",
    why: "the loop ends where no magic is left; what is made of those that are found has its mutant",
  },
  {
    file: "src/manifest/live-state.ts",
    text: "one.fileChecksum === other.fileChecksum &&",
    why: "one of ten fields that must agree where a table moves; the call that compares them has its mutant",
  },
  { file: "src/manifest/manifest.ts", text: "fileSystem.unlink(join(directory, name));", why: names },
  {
    file: "src/manifest/read-manifest.ts",
    text: "const later = unfinished.find(",
    why: "the call of the function that it stands in has its mutant",
  },
  {
    file: "src/engine/engine.ts",
    text: "return this.#visibleAt(this.#lookup.version);",
    why: "the two places that ask for it have their mutants",
  },
  { file: "src/engine/open.ts", text: "assertInPlace: () => ownership.assertInPlace(),", why: wiring },
  {
    file: "src/engine/table-store.ts",
    text: "this.#fileSystem.unlink(join(this.directory, name));",
    why: names,
  },
  {
    file: "src/engine/table-store.ts",
    text: "for (const path of this.#doomed.splice(0)) this.#fileSystem.unlink(path);",
    why: names,
  },
  {
    file: "src/compaction/sealed-segment.ts",
    text: "if (type !== recordType.put && type !== recordType.delete) continue;",
    why: "it tells operations from COMMITs and CHECKPOINTs, and judges nothing",
  },
  { file: "src/offline/unfinished-store.ts", text: "attemptAll([wal, directory]", why: nobodys },
  {
    file: "src/offline/unfinished-store.ts",
    text: "this.#fileSystem.rename(this.directory, name);",
    why: "what comes before it and behind it has its mutants, in copy-store.ts",
  },
  { file: "src/offline/unfinished-store.ts", text: "() => this.#namesIn(part).forEach(", why: nobodys },
  {
    file: "src/offline/unfinished-store.ts",
    text: "() => part === this.wal && fileSystem.unlink(",
    why: nobodys,
  },
  { file: "src/offline/unfinished-store.ts", text: "() => fileSystem.removeDirectory(part),", why: nobodys },
  {
    file: "src/offline/unfinished-store.ts",
    text: "() => fileSystem.removeDirectory(this.directory),",
    why: nobodys,
  },
];
