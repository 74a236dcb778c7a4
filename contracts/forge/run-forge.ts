/**
 * `npm run test:full -- forge`: forge (npm `@foundry-rs/forge`, revm underneath) as a second
 * opinion on the contracts, and as their fuzzer.
 *
 *     replay    the tests of this room run once, and every world of theirs is written down; forge
 *               runs each message again: answers, logs, gas, and every account at the end
 *     fuzz      properties in Solidity, over the committed bytecode: functions of random arguments,
 *               and random lives of stake and of the bridge
 *
 * All it writes lies in node_modules/.cache.
 */

import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const room = fileURLToPath(new URL('..', import.meta.url))
const folder = fileURLToPath(new URL('../../node_modules/.cache/zg-forge/replay', import.meta.url))
/** Bytes of 0xef0100 and an address. */
const delegationSize = 23
const outputSizeMax = 2 ** 28
/** So many differences are told one by one. */
const toldMax = 20
/** They are about no contract's behaviour on an EVM, or send past the witness of a world. */
const notRecorded = ['artifacts.test.ts', 'testing/world-memory.test.ts']
/** What is there in forge and nowhere else. */
const addressesOfForge: ReadonlySet<string> = new Set([
  // Sender and contract of tests, the contract of cheatcodes and of the console.
  '0x1804c8ab1f12e6bbf3894d4083f33e07309d1f38',
  '0x7109709ecfa91a80626ff3989d68f67f5b1dd12d',
  '0x000000000000000000636f6e736f6c652e6c6f67',
  // The factory that other tests of forge deploy by, and who calls as the protocol.
  '0x4e59b44847b379578588920ca78fbf26c0b4956c',
  '0xfffffffffffffffffffffffffffffffffffffffe',
])

export type ForgeOptions = {
  /** Of each function with random arguments. */
  readonly fuzzRuns: number
  readonly seed: number
  readonly tell: (line: string) => void
}

export type ForgeScore = {
  readonly forge: string
  readonly replay: ReplayScore
  readonly fuzz: FuzzScore
  readonly failures: number
}

type ReplayScore = {
  readonly worlds: number
  /** Worlds that forge cannot be given. */
  readonly untaken: number
  /** Transactions, and questions of which nothing is kept. */
  readonly messages: number
  readonly questions: number
  readonly accounts: number
  readonly slots: number
  readonly differences: number
}

type FuzzScore = {
  readonly seed: number
  readonly functions: number
  readonly runs: number
  readonly invariants: number
  readonly calls: number
  readonly failures: number
}

/** A world as the recorder writes it. */
export type World = {
  readonly title: string
  readonly chainId: number
  readonly fork: string
  readonly accounts: readonly {
    readonly address: string
    readonly nonce: string
    readonly balance: string
    readonly code: string
    readonly slots: readonly (readonly [slot: string, value: string])[]
  }[]
}

/** An account as forge prints it. */
export type DumpedAccount = {
  readonly nonce?: string
  readonly balance: string
  readonly code?: string
  readonly storage?: Readonly<Record<string, string>>
}

type ForgeTests = Readonly<
  Record<
    string,
    {
      readonly test_results: Readonly<
        Record<
          string,
          {
            readonly status: string
            readonly reason: string | null
            readonly counterexample: unknown
            readonly kind: {
              readonly Fuzz?: { readonly runs: number }
              readonly Invariant?: { readonly calls: number }
            }
          }
        >
      >
    }
  >
>

/** Returns what both came to; undefined where forge does not run. */
export function runForge({ fuzzRuns, seed, tell }: ForgeOptions): ForgeScore | undefined {
  const binary = binaryPath()
  if (binary === undefined) return undefined
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) return undefined
  const replay = runReplay(binary, tell)
  tell(`replay: ${JSON.stringify(replay)}`)
  const fuzz = runFuzz(binary, { fuzzRuns, seed, tell })
  const [forge = ''] = version.stdout.split('\n')
  return { forge, replay, fuzz, failures: replay.differences + fuzz.failures }
}

function runReplay(binary: string, tell: (line: string) => void): ReplayScore {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  record()
  const recorded = globSync('*.json', { cwd: folder })
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
    .map((name) => ({ name, world: JSON.parse(textOf(`${name}.json`)) as World }))
  const taken = recorded.filter(({ world }) => isTaken(world))
  const [names, worlds] = [taken.map(({ name }) => name), taken.map(({ world }) => world)]
  const index = worlds.map(({ fork, chainId }, at) => [fork, chainId, names[at]].join('\n'))
  writeFileSync(join(folder, 'worlds.txt'), `${index.join('\n')}\n`)
  writeFileSync(join(folder, 'differences.txt'), '')
  const tests = forgeTests(binary, ['--isolate', '--match-contract', '^ReplayTest$'])
  for (const { status, reason } of resultsOf(tests)) if (status !== 'Success') tell(`✖ ${reason}`)
  const steps = names.flatMap((name) => textOf(`${name}.steps`).split('\n'))
  const countOf = (kind: bigint): number =>
    steps.filter((line) => line !== '' && BigInt(line.slice(0, 66)) === kind).length
  const told = textOf('differences.txt').split('\n').filter(Boolean)
  const differences = [
    ...told,
    ...worlds.flatMap((world, at) => {
      const dump = JSON.parse(textOf(`${names[at]}.dump`)) as Parameters<typeof stateDifferences>[1]
      return stateDifferences(world, dump).map((line) => `${names[at]} ${line}`)
    }),
  ]
  for (const line of differences.slice(0, toldMax)) tell(`✖ ${line.slice(0, 1_000)}`)
  const accounts = worlds.flatMap((world) => world.accounts)
  return {
    worlds: worlds.length,
    untaken: recorded.length - worlds.length,
    messages: countOf(1n),
    questions: countOf(2n),
    accounts: accounts.length,
    slots: accounts.reduce((sum, { slots }) => sum + slots.length, 0),
    differences: differences.length,
  }
}

/** Runs the room's tests; each world of theirs leaves its files in the folder. */
function record(): void {
  const files = globSync('**/*.test.ts', { cwd: room })
    .filter((file) => !notRecorded.includes(file))
    .map((file) => join('contracts', file))
  const recorder = new URL('world-recorder.ts', import.meta.url).href
  const done = spawnSync(process.execPath, ['--import', recorder, '--test', ...files], {
    cwd: join(room, '..'),
    env: { ...process.env, ZG_WORLDS: folder },
    encoding: 'utf8',
    maxBuffer: outputSizeMax,
  })
  if (done.status !== 0) throw new Error(`The tests that are to be replayed fail:\n${done.stdout}`)
}

/** forge puts no code anywhere that begins as a delegation (EIP-7702) and is none. */
function isTaken({ accounts }: World): boolean {
  return accounts.every(
    ({ code }) => !code.startsWith('0xef01') || (code.length - 2) / 2 === delegationSize,
  )
}

/** In which accounts the end of a world is another on forge: the same as to compare state roots. */
export function stateDifferences(
  world: World,
  dump: Readonly<Record<string, DumpedAccount>>,
): readonly string[] {
  const theirs = new Map(
    Object.entries(dump).map(([address, account]) => [address.toLowerCase(), account]),
  )
  const known = new Set(world.accounts.map(({ address }) => address))
  const more = [...theirs]
    .filter(([address]) => !known.has(address) && !addressesOfForge.has(address))
    .filter(([, { storage, code = '0x', nonce = '0' }]) => {
      return Object.keys(storage ?? {}).length > 0 || code !== '0x' || BigInt(nonce) > 0n
    })
    .map(([address]) => `${address} is on forge alone`)
  const other = world.accounts.flatMap((account) => {
    const found = theirs.get(account.address)
    const what = found === undefined ? ['account'] : accountDifferences(account, found)
    return what.map((each) => `${account.address} ${each}`)
  })
  return [...more, ...other]
}

function accountDifferences(
  ours: World['accounts'][number],
  theirs: DumpedAccount,
): readonly string[] {
  const { nonce = '0', balance, code = '0x', storage = {} } = theirs
  const words = new Map(
    Object.entries(storage)
      .map(([slot, value]) => [BigInt(slot), BigInt(value)] as const)
      .filter(([, value]) => value !== 0n),
  )
  const isOther = ours.slots.some(([slot, value]) => words.get(BigInt(slot)) !== BigInt(value))
  return [
    ...(BigInt(nonce) === BigInt(ours.nonce) ? [] : [`nonce ${ours.nonce} ${nonce}`]),
    ...(BigInt(balance) === BigInt(ours.balance) ? [] : [`balance ${ours.balance} ${balance}`]),
    ...(code === ours.code ? [] : ['code']),
    ...(words.size === ours.slots.length && !isOther ? [] : ['storage']),
  ]
}

function runFuzz(binary: string, { fuzzRuns, seed, tell }: ForgeOptions): FuzzScore {
  const tests = forgeTests(
    binary,
    ['--no-match-contract', '^ReplayTest$', '--fuzz-seed', `${seed}`],
    { FOUNDRY_FUZZ_RUNS: `${fuzzRuns}` },
  )
  const results = resultsOf(tests)
  const failed = results.filter(({ status }) => status !== 'Success')
  for (const { name, reason, counterexample } of failed) {
    tell(`✖ seed ${seed}: ${name}: ${reason} ${JSON.stringify(counterexample).slice(0, 4_000)}`)
  }
  const fuzzed = results.flatMap(({ kind: { Fuzz } }) => (Fuzz === undefined ? [] : [Fuzz.runs]))
  const lived = results.flatMap(({ kind: { Invariant } }) =>
    Invariant === undefined ? [] : [Invariant.calls],
  )
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0)
  return {
    seed,
    functions: fuzzed.length,
    runs: sum(fuzzed),
    invariants: lived.length,
    calls: sum(lived),
    failures: failed.length,
  }
}

function resultsOf(tests: ForgeTests) {
  return Object.values(tests).flatMap(({ test_results: results }) =>
    Object.entries(results).map(([name, result]) => ({ name, ...result })),
  )
}

function forgeTests(
  binary: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ForgeTests {
  const solc = fileURLToPath(new URL('solc.ts', import.meta.url))
  const config = fileURLToPath(new URL('foundry.toml', import.meta.url))
  const done = spawnSync(binary, ['test', '--root', '.', '--use', solc, '--json', ...args], {
    cwd: room,
    env: { ...process.env, FOUNDRY_CONFIG: config, ...env },
    encoding: 'utf8',
    maxBuffer: outputSizeMax,
  })
  const start = done.stdout.indexOf('{')
  if (start < 0) throw new Error(`forge does not answer:\n${done.stdout}${done.stderr}`)
  return JSON.parse(done.stdout.slice(start)) as ForgeTests
}

function textOf(file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}

/** The package of this platform; undefined when it is not installed. */
function binaryPath(): string | undefined {
  const machine = process.arch === 'x64' ? 'amd64' : process.arch
  try {
    const require = createRequire(import.meta.url)
    return require.resolve(`@foundry-rs/forge-${process.platform}-${machine}/bin/forge`)
  } catch {
    return undefined
  }
}
