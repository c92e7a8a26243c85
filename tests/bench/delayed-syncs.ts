const calls = "fdatasync,fsync";

/**
 * The words before a command that make each of its syncs take so much longer. Only these calls stop at the tracer: the
 * others cost what they always do.
 */
export function delayedSyncs(delayMs: number): string[] {
  const inject = `inject=${calls}:delay_exit=${delayMs * 1000}`;
  return ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", inject];
}
