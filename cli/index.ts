/** Open every door from one command, zg. */

export { commands, commonFlags, nouns } from './command-table.ts'
export { explain } from './explain.ts'
export type { Explanation } from './explain.ts'
export { exitCodes } from './exit.ts'
export { runProgram } from './program.ts'
export type { ProgramOptions } from './program.ts'
