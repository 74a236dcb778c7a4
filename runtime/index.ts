/** Give protocols their clock, randomness, disk, network and store. */

export type { Clock, Timer } from './clock.ts'
export type { Disk, DiskFile } from './disk.ts'
export type { KeyRange, KeyValueStore, KeyValueWrite } from './key-value-store.ts'
export type { Channel, MessageHandler, Network, PeerId } from './network.ts'
export type { Rng } from './rng.ts'
