/**
 * Compliance suites: what every implementation of a seam must do, the real and the simulated alike.
 * Each is a function that registers tests with `node:test`; call it at the top of a test file.
 */

export { testClock } from './clock-compliance.ts'
export { testDisk } from './disk-compliance.ts'
export type { DiskWorld } from './disk-compliance.ts'
export { checkKeyValueStore } from './key-value-store-compliance.ts'
export type { StoreUnderTest } from './key-value-store-compliance.ts'
export { testNetwork } from './network-compliance.ts'
export type { NetworkWorld } from './network-compliance.ts'
export { testRng } from './rng-compliance.ts'
