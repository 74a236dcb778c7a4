/**
 * Validators of one network that agree on real blocks, and the JSON-RPC of one of them. Their time
 * and their connections are simulated: time goes on when it is asked to.
 */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import { inlineRecovery, openValidatorNode, rpcMethods, startRpcServer } from '@zg/chain'
import type { Genesis, ValidatorNode, ValidatorNodeOptions } from '@zg/chain'
import { blsScheme, peerIdOf } from '@zg/consensus'
import type { L1View } from '@zg/consensus'
import type { TestOperator } from '@zg/contracts/testing'
import {
  createSeededRng,
  createSystemClock,
  MemoryStore,
  silentLogger,
  silentMetrics,
  SimulatedClock,
  SimulatedDisk,
  SimulatedNetwork,
} from '@zg/runtime'

/** Time that passes at once while something outside of it is waited for. */
const sliceMs = 100

export type VirtualNetwork = {
  readonly nodes: readonly ValidatorNode[]
  /** Has so much time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** Has time pass until something of the outside is done. */
  readonly during: <value>(work: Promise<value>) => Promise<value>
}

/** Opens one validator of each operator; they stop with the test. */
export async function openVirtualNetwork(
  context: TestContext,
  options: {
    readonly genesis: Genesis
    readonly operators: readonly TestOperator[]
    readonly l1View: L1View
    readonly firstEpoch: bigint
    readonly startMs: number
  } & Pick<ValidatorNodeOptions, 'knownHeight' | 'retainedStates'>,
): Promise<VirtualNetwork> {
  const { genesis, operators, l1View, firstEpoch, startMs, ...kept } = options
  const clock = new SimulatedClock(startMs)
  const rng = createSeededRng('virtual network')
  const network = new SimulatedNetwork({ clock, rng: rng.fork('network') })
  const scheme = blsScheme()
  const nodes: ValidatorNode[] = []
  const pass = async (ms: number): Promise<void> => {
    await clock.run({ untilMs: clock.nowMs() + ms, done: () => false })
  }
  for (const [index, { secretKey }] of operators.entries()) {
    const identity = peerIdOf(scheme.publicKeyOf(secretKey))
    const opening = openValidatorNode(
      {
        genesis,
        l1View,
        firstEpoch,
        ...kept,
        secretKey,
        scheme,
        store: new MemoryStore(),
        disk: new SimulatedDisk({ clock, rng: rng.fork(`disk ${index}`) }).mount(),
        network: network.join({ identity, name: `${index}` }),
        recovery: inlineRecovery,
        clock: clock.forNode(),
        rng: rng.fork(`node ${index}`),
        logger: silentLogger,
        metrics: silentMetrics,
      },
      (error) => {
        throw error
      },
    )
    await pass(sliceMs)
    nodes.push(await opening)
  }
  context.after(async () => {
    const stopping = Promise.all(nodes.map((each) => each.stop()))
    await pass(1_000)
    await stopping
  })
  const during = async <value>(work: Promise<value>): Promise<value> => {
    let isDone = false
    const done = work.finally(() => (isDone = true))
    while (!isDone) {
      await pass(sliceMs)
      // Answers of the outside come between two slices.
      await new Promise((resolve) => setImmediate(resolve))
    }
    return done
  }
  return { nodes, pass, during }
}

/** The JSON-RPC of a validator; returns its address. */
export async function serveVirtualNode(
  context: TestContext,
  { view }: ValidatorNode,
): Promise<string> {
  const clock = createSystemClock()
  const failures: unknown[] = []
  const server = await startRpcServer({
    methods: rpcMethods(view, { clock, clientVersion: 'test' }),
    clock,
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    allowedOrigins: [],
    onInternalError: (_method, error) => failures.push(error),
  })
  context.after(async () => {
    await server.close()
    assert.deepEqual(failures, [])
  })
  return `http://127.0.0.1:${server.port}`
}
