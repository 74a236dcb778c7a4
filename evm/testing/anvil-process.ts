/** anvil (npm `@foundry-rs/anvil`, revm underneath) in a process of its own. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** How often a process that starts is asked whether it answers, and how long between. */
const readyTriesMax = 100
const readyTryMs = 100

export type RpcCall = readonly [method: string, params: readonly unknown[]]

export type AnvilProcess = {
  readonly child: ChildProcess
  /** Of its JSON-RPC. */
  readonly url: string
  readonly rpc: (method: string, params: readonly unknown[]) => Promise<unknown>
  /** Results in order; an `Error` for each that failed. */
  readonly batch: (calls: readonly RpcCall[]) => Promise<readonly unknown[]>
  close(): Promise<void>
}

/** Starts anvil with `args`; undefined when its binary does not run here. */
export async function startAnvil(args: readonly string[]): Promise<AnvilProcess | undefined> {
  const binary = binaryPath()
  if (binary === undefined) return undefined
  const port = await freePort()
  const child = spawn(binary, ['--port', `${port}`, '--silent', ...args], { stdio: 'ignore' })
  const isGone = new Promise<false>((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
  })
  const url = `http://127.0.0.1:${port}`
  const post = poster(url)
  const anvil: AnvilProcess = {
    child,
    url,
    rpc: async (method, params) => resultOf((await post([[method, params]]))[0]),
    batch: async (calls) => (await post(calls)).map(resultOrError),
    async close() {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
  return (await Promise.race([isGone, isReady(anvil)])) ? anvil : undefined
}

/**
 * As `startAnvil`, for a test that is nothing without it: skips it in words, or fails where `CI` is
 * set, as package.json brings anvil.
 */
export async function anvilFor(
  context: { skip(message: string): void },
  shown: string,
  { start = startAnvil, isRequired = Boolean(process.env['CI']) } = {},
): Promise<AnvilProcess | undefined> {
  const anvil = await start([])
  if (anvil !== undefined) return anvil
  const why = `anvil does not run here, so this is not shown: ${shown}`
  if (isRequired) throw new Error(why)
  context.skip(why)
  return undefined
}

/** The package of this platform; undefined when it is not installed. */
function binaryPath(): string | undefined {
  const machine = process.arch === 'x64' ? 'amd64' : process.arch
  try {
    const require = createRequire(import.meta.url)
    return require.resolve(`@foundry-rs/anvil-${process.platform}-${machine}/bin/anvil`)
  } catch {
    return undefined
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isReady({ rpc }: AnvilProcess): Promise<boolean> {
  for (let attempt = 0; attempt < readyTriesMax; attempt++) {
    try {
      await rpc('eth_chainId', [])
      return true
    } catch {
      await new Promise((resolve) => setTimeout(resolve, readyTryMs))
    }
  }
  return false
}

type Answer = {
  readonly id: number
  readonly result?: unknown
  readonly error?: { message: string }
}

function poster(url: string) {
  return async (calls: readonly RpcCall[]): Promise<readonly (Answer | undefined)[]> => {
    const requests = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requests),
    })
    const answers = (await response.json()) as readonly Answer[]
    const byId = new Map(answers.map((answer) => [answer.id, answer]))
    return calls.map((_, id) => byId.get(id))
  }
}

function resultOf(answer: Answer | undefined): unknown {
  if (answer?.error !== undefined) throw new Error(answer.error.message)
  return answer?.result
}

function resultOrError(answer: Answer | undefined): unknown {
  return answer?.error === undefined ? answer?.result : new Error(answer.error.message)
}
