/**
 * `npm run bench -- evm`: token transfers and Solidity loops on our machine, ethereumjs and anvil.
 *
 * Figures are CPU time, of all threads of the process, so that other work on the machine counts
 * less; the best of some rounds is told. Senders are recovered before the clock starts, in all
 * three. Ours and ethereumjs compute no state root; anvil's block includes whatever it does to mine
 * it. A clock of 10 ms steps limits anvil's figures; its calls are repeated over twenty of them.
 */

import { BenchChain, loopTurns } from './testing/bench-chain.ts'
import type { LoopName } from './testing/bench-chain.ts'
import { anvilMachine, ethereumjsMachine, ourMachine } from './testing/bench-machines.ts'
import type { BenchMachine } from './testing/bench-machines.ts'

type Metrics = Record<string, number>

type BenchResult = {
  readonly name: string
  readonly metrics: Metrics
  readonly peers: Record<string, Metrics>
  readonly ratios: Metrics
}

const loopNames = Object.keys(loopTurns) as LoopName[]

/** Rounds of each machine; the first ones warm it up. */
const rounds = { zg: 12, ethereumjs: 3, anvil: 4 } as const

const transfersPerBlock = { zg: 5_000, ethereumjs: 500, anvil: 4_000 } as const

export async function bench(): Promise<BenchResult> {
  const ours = await measure((funded) => Promise.resolve(ourMachine(funded)), 'zg')
  const peers: Record<string, Metrics> = {}
  const ethereumjs = await measure(ethereumjsMachine, 'ethereumjs')
  if (ethereumjs !== undefined) peers['ethereumjs'] = ethereumjs
  const anvil = await measure(anvilMachine, 'anvil')
  if (anvil !== undefined) peers['anvil'] = anvil
  const metrics = ours ?? {}
  const ratios: Metrics = {}
  for (const [peer, figures] of Object.entries(peers)) {
    for (const [metric, value] of Object.entries(figures)) {
      ratios[`${peer}_${metric}`] = (metrics[metric] ?? 0) / value
    }
  }
  return { name: 'evm', metrics, peers, ratios }
}

async function measure(
  create: (funded: readonly bigint[]) => Promise<BenchMachine | undefined>,
  name: keyof typeof rounds,
): Promise<Metrics | undefined> {
  const chain = new BenchChain()
  const machine = await create(chain.funded)
  if (machine === undefined) return undefined
  try {
    await machine.runBlock(chain.setUp())
    const metrics: Metrics = {}
    for (let round = 0; round < rounds[name]; round++) {
      const count = transfersPerBlock[name]
      const { seconds } = await machine.runBlock(chain.transfers(count))
      keepBest(metrics, 'erc20_transfers_per_second', count / seconds)
    }
    for (const loop of loopNames) await measureLoop(machine, chain, { loop, name, metrics })
    return metrics
  } finally {
    await machine.close()
  }
}

async function measureLoop(
  machine: BenchMachine,
  chain: BenchChain,
  { loop, name, metrics }: { loop: LoopName; name: keyof typeof rounds; metrics: Metrics },
): Promise<void> {
  const message = {
    from: chain.funded[1] as bigint,
    to: chain.loopsAddress,
    data: chain.loopCall(loop),
  }
  for (let round = 0; round < rounds[name]; round++) {
    const { seconds, gas } = await machine.runCall(message)
    // The gas of a call is the same on all machines; anvil does not tell it.
    gasOfLoop[loop] ??= gas
    keepBest(metrics, `${loop}_mgas_per_second`, (gasOfLoop[loop] ?? gas) / seconds / 1e6)
  }
}

const gasOfLoop: Partial<Record<LoopName, number>> = {}

function keepBest(metrics: Metrics, metric: string, value: number): void {
  metrics[metric] = Math.max(metrics[metric] ?? 0, value)
}
