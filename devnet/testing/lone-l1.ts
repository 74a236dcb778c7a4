/**
 * An L1 of its own process and nothing else: its operators have stake, have joined network 0, and
 * run nowhere yet. What each needs on its machine is laid into a folder of its own.
 */

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { L1Parameters } from '@zg/contracts'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { startChild } from '../child.ts'
import { l1SiteFileName, readL1Site } from '../l1-site.ts'
import type { L1Site } from '../l1-site.ts'
import { nodeEntryPath } from '../local-world.ts'
import { genesisPathOf, writeWorldFiles } from '../node-files.ts'
import { basePorts, grantPorts, isPortFree, loopback, portWishes } from '../ports.ts'
import { deployerKeyOf } from '../world-keys.ts'
import { accountKeyOf } from '../seed-keys.ts'
import { planWorld, resolveWorld } from '../world.ts'
import type { ChainPlan, WorldPlan } from '../world.ts'

/** Ports between two machines. */
const machineStep = 20

/** A machine of one operator: what it would have been given, and where it is to listen. */
export type OperatorMachine = {
  readonly index: number
  readonly operator: Hex
  /** Its own folder. */
  readonly home: string
  /** RPC of network 0; network i has i more. */
  readonly rpcPort: number
  /** Of `zg operator run`. */
  readonly flags: readonly string[]
}

export type LoneL1 = {
  readonly url: string
  readonly site: L1Site
  /** Where L1 is, as flags of any verb of stake. */
  readonly l1Flags: readonly string[]
  /** The file with the key of who owns what is free of the token. */
  readonly deployerFile: string
  readonly machines: readonly OperatorMachine[]
  stop(): Promise<void>
}

export async function startLoneL1(options: {
  readonly parameters: L1Parameters
  readonly operatorCount: number
  readonly blockTimeMs: number
  readonly portOffset: number
}): Promise<LoneL1> {
  const { parameters, portOffset } = options
  const root = mkdtempSync(join(tmpdir(), 'zg-lone-l1-'))
  const { plan, l1 } = await planAt(join(root, 'l1'), options)
  await writeWorldFiles(plan, parameters)
  const [node] = l1.validators
  const { part = 'l1', folder = '', logPath = '' } = node ?? {}
  const child = startChild({ part, entry: nodeEntryPath(), args: [folder], logPath })
  const url = `http://${loopback}:${l1.rpcPort}`
  const sitePath = join(l1.folder, l1SiteFileName)
  const l1Flags = ['--l1-rpc', url, '--l1-site', sitePath]
  const deployerFile = join(root, 'deployer.key')
  writeFileSync(deployerFile, toHex(deployerKeyOf(plan.kept)), { mode: 0o600 })
  const machines = layMachines(root, { plan, l1Flags, portOffset })
  const failed = await Promise.race([child.ready, child.exited])
  if (failed !== undefined) throw new Error(`L1 did not start: ${child.reason() ?? 'it ended'}`)
  return {
    url,
    site: readL1Site(sitePath),
    l1Flags,
    deployerFile,
    machines,
    async stop() {
      child.signal('SIGTERM')
      await child.exited
      rmSync(root, { recursive: true })
    },
  }
}

async function planAt(
  home: string,
  options: {
    readonly operatorCount: number
    readonly blockTimeMs: number
    readonly portOffset: number
  },
): Promise<{ readonly plan: WorldPlan; readonly l1: ChainPlan }> {
  const { operatorCount: validatorCount, blockTimeMs, portOffset } = options
  const random = crypto.getRandomValues(new Uint8Array(32))
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const wanted = { minimal: false, networkCount: 1, validatorCount, blockTimeMs }
  const kept = resolveWorld(wanted, undefined, { random, nowSeconds })
  const wishes = portWishes({ withL1: true, networkCount: 1, validatorCount, offset: portOffset })
  const plan = planWorld(kept, { home, minimal: false }, await grantPorts(wishes, isPortFree))
  const { l1 } = plan
  if (l1 === undefined) throw new Error('this world has an L1')
  mkdirSync(home, { recursive: true })
  return { plan, l1 }
}

/** Writes what each operator has: two keys, network 0's genesis, where the others are. */
function layMachines(
  root: string,
  {
    plan,
    l1Flags,
    portOffset,
  }: { readonly plan: WorldPlan; readonly l1Flags: readonly string[]; readonly portOffset: number },
): readonly OperatorMachine[] {
  const [network] = plan.networks
  if (network === undefined) throw new Error('this world has a network')
  const seed = Buffer.from(plan.kept.seed, 'hex')
  const portsOf = (index: number) => {
    const shift = portOffset + machineStep * (index + 1)
    const { p2p, validator, metrics } = basePorts
    return { p2p: p2p + shift, rpc: validator + shift, metrics: metrics + shift }
  }
  const peers = network.validators.map(
    ({ operator, index }) => `${toHex(operator)}=${loopback}:${portsOf(index).p2p}\n`,
  )
  return network.validators.map(({ index, operator, keystorePath, passwordPath }) => {
    const home = join(root, `machine-${index}`)
    mkdirSync(home, { mode: 0o700 })
    const secretKey = toHex(accountKeyOf(seed, `operator/${index}`))
    writeFileSync(join(home, 'op.key'), secretKey, { mode: 0o600 })
    copyFileSync(keystorePath, join(home, 'bls.json'))
    copyFileSync(passwordPath, join(home, 'bls.pw'))
    copyFileSync(genesisPathOf(network), join(home, 'net-0.json'))
    writeFileSync(join(home, 'peers.txt'), `# as they told each other\n${peers.join('')}`)
    const { p2p, rpc, metrics } = portsOf(index)
    const at = (name: string): string => join(home, name)
    const given = {
      'key-file': at('op.key'),
      'bls-keystore': at('bls.json'),
      'bls-password-file': at('bls.pw'),
      peers: at('peers.txt'),
      genesis: at('net-0.json'),
      listen: loopback,
      'p2p-port': String(p2p),
      'rpc-port': String(rpc),
      'metrics-port': String(metrics),
    }
    const words = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
    const flags = [...words, ...l1Flags, '--yes']
    return { index, operator: toHex(operator), home, rpcPort: rpc, flags }
  })
}
