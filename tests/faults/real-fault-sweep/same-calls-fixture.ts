import "./own-time-fixture.ts";

/**
 * Preloaded into a server whose calls have to be the same in every run. Its time comes first: whoever has imported the
 * file system before keeps the one that it was.
 */
await import("../../support/one-sync-thread-fixture.ts");
