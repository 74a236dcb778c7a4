/** Waits for what real sockets bring about by themselves. */

/** Longer than anything takes that comes at all. */
const patienceMs = 20_000

/** Resolves once `condition` holds; rejects when it never does. */
export async function until(condition: () => boolean): Promise<void> {
  const lastMs = performance.now() + patienceMs
  while (!condition()) {
    if (performance.now() > lastMs) throw new Error(`It never came: ${condition.toString()}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
