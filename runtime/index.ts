/** Give protocols their clock, randomness, disk, network and store. */

export type { Clock, Timer } from './clock.ts'
export { createSystemClock } from './system-clock.ts'
export { SimulatedClock, simulatedStartMs } from './simulated-clock.ts'
export type { StoppableClock } from './simulated-clock.ts'

export type { Rng } from './rng.ts'
export { createSystemRng } from './system-rng.ts'
export { createSeededRng } from './seeded-rng.ts'

export { AnswerTooLongError, postJson } from './json-post.ts'

export type { Disk, DiskFile } from './disk.ts'
export { DiskPathInvalidError } from './disk-path.ts'
export { FolderLockedError, lockFolder } from './folder-lock.ts'
export type { FolderLock } from './folder-lock.ts'
export {
  createNodeDisk,
  DiskBacklogFullError,
  DiskFileBrokenError,
  DiskFileClosedError,
} from './node-disk.ts'
export { SimulatedDisk } from './simulated-disk.ts'
export type { DiskStep, SimulatedDiskOptions } from './simulated-disk.ts'

export type { KeyRange, KeyValueReader, KeyValueStore, KeyValueWrite } from './key-value-store.ts'
export { LmdbReader } from './lmdb-reader.ts'
export {
  LmdbStore,
  StoreBacklogFullError,
  StoreClosedError,
  StoreOpenFailedError,
  StoreWriteFailedError,
} from './lmdb-store.ts'
export { MemoryStore } from './memory-store.ts'
export { SimulatedStore } from './simulated-store.ts'
export type { SimulatedStoreOptions } from './simulated-store.ts'
export { KeySizeInvalidError, keySizeBytesMax } from './stored-key.ts'

export type { Channel, MessageHandler, Network, PeerId } from './network.ts'
export { channelLimits } from './channel-limits.ts'
export type { ChannelLimits, DropPolicy } from './channel-limits.ts'
export { goodLink, SimulatedNetwork } from './simulated-network.ts'
export type { LinkBehaviour, NetworkCounts, SimulatedNetworkOptions } from './simulated-network.ts'

export { createLogger, silentLogger } from './log.ts'
export type { LogFields, Logger, LogLevel } from './log.ts'
export { createMetrics, serveMetrics, silentMetrics } from './metrics.ts'
export type { MetricDescription, MetricLabels, Metrics, MetricsServer } from './metrics.ts'
