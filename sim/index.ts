/** Replay the whole system under one seed. */

export { runSeed } from './world.ts'
export type { FaultCounts, SeedResult } from './world.ts'
export { failureOf, runSeeds } from './seed-batch.ts'
export type { BatchSummary } from './seed-batch.ts'
export type { Rule, Violation } from './checker.ts'
export { drawScenario } from './scenario.ts'
export type { Crash, CrashPoint, Partition, Scenario, Traitor } from './scenario.ts'
export { plantedBugs } from './planted-bugs.ts'
export type { PlantedBug } from './planted-bugs.ts'
