/** The processes of a bench, for who measures them: nodes over HTTP, and a disperser. */

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { payloadSizeOf } from '../batch/payload.ts'
import { benchShape } from './bench-chain.ts'
import type { DisperserAnswer, DisperserOrder, PutPlan, PutResult } from './bench-disperser.ts'

export type { CertifiedPut, PutPlan, PutResult } from './bench-disperser.ts'

export type BenchNodesPlan = {
  /** Where their disks are. */
  readonly folder: string
  readonly nodes: number
  /** That many nodes are in one process. */
  readonly nodesPerProcess: number
  readonly quorums: number
}

export type BenchNodes = {
  /** Where each of them answers, in order. */
  readonly urls: readonly string[]
  readonly pids: readonly number[]
  close(): Promise<void>
}

export type BenchDisperser = {
  readonly pid: number
  /** One plan at a time. */
  put(plan: PutPlan): Promise<PutResult>
  close(): Promise<void>
}

/** Starts nodes of one network, and returns when they answer. */
export async function startBenchNodes(plan: BenchNodesPlan): Promise<BenchNodes> {
  const { folder, nodes, nodesPerProcess, quorums } = plan
  const children: ChildProcess[] = []
  const urls: string[] = []
  const close = async (): Promise<void> => void (await Promise.all(children.map(end)))
  try {
    for (let first = 0; first < nodes; first += nodesPerProcess) {
      const count = Math.min(nodesPerProcess, nodes - first)
      const numbers = [nodes, quorums, first, count].map(String)
      const child = start('bench-nodes.ts', [folder, ...numbers])
      children.push(child)
      urls.push(...(await answerOf<readonly string[]>(child)))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { urls, pids: children.map(pidOf), close }
}

/** Starts a disperser that has such nodes. */
export async function startBenchDisperser(plan: {
  readonly folder: string
  readonly urls: readonly string[]
  readonly quorums: number
}): Promise<BenchDisperser> {
  const { folder, urls, quorums } = plan
  const child = start('bench-disperser.ts', [join(folder, 'disperser')])
  const ask = async (order: DisperserOrder): Promise<DisperserAnswer> => {
    child.send(order)
    return answerOf(child)
  }
  try {
    await ask({ kind: 'open', urls, quorums })
  } catch (error) {
    await end(child)
    throw error
  }
  return {
    pid: pidOf(child),
    async put(order) {
      const answer = await ask({ kind: 'put', ...order })
      if (answer.kind !== 'puts') throw new Error(`a disperser answers "${answer.kind}"`)
      return { puts: answer.puts, failed: answer.failed }
    },
    close: () => end(child),
  }
}

/** Bytes of a blob that alone fills rows of so many bytes to the last one. */
export function blobSizeOfRows(rowSize: number): number {
  return benchShape.dataRows * rowSize - payloadSizeOf([0])
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args)
}

/** What the child says next. */
async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const heard = new AbortController()
  const { signal } = heard
  const gone = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`a process of the bench ended (${code})`)
  })
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), gone])) as [Answer]
    return answer
  } finally {
    gone.catch(() => undefined)
    heard.abort()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill()
  await gone
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a process of the bench did not start')
  return pid
}
