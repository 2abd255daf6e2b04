// Time as benches should see it: on a machine that is busy otherwise, the clock on the wall runs on.

/** Milliseconds that all threads of this process have computed. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
