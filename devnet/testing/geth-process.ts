/** go-ethereum in a process of its own: `geth --dev`, a block a second, final in steps of 32. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import { fromHex } from '@zg/primitives'

import { grantPorts, isPortFree, loopback } from '../ports.ts'
import { callRpc } from '../rpc-call.ts'

/** The chain id of `--dev`, and the key of its account that has all the ether. */
const gethChainId = 1_337
export const gethFunderKey = fromHex(
  '0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291',
)

/** As on the main network; what `--dev` has by itself is less than a contract of ours takes. */
const gasLimit = 60_000_000

/** How often a process that starts is asked whether it answers, and how long between. */
const readyTriesMax = 150
const readyTryMs = 200

export type GethProcess = { readonly url: string; close(): Promise<void> }

/** Returns the path of geth: `ZG_GETH`, or the first on PATH; undefined when there is none. */
export function findGeth(environment: NodeJS.ProcessEnv): string | undefined {
  const { ZG_GETH: given, PATH: path = '' } = environment
  const candidates = path.split(delimiter).map((folder) => join(folder, 'geth'))
  return [...(given === undefined ? [] : [given]), ...candidates].find(isExecutable)
}

/** @throws {Error} When it does not serve within half a minute. */
export async function startGeth(path: string): Promise<GethProcess> {
  const wishes = [
    { use: 'rpc', port: 18_545 },
    { use: 'auth', port: 18_551 },
  ]
  const [rpc, auth] = (await grantPorts(wishes, isPortFree)).map(({ port }) => `${port}`)
  const chain = ['--dev', '--dev.period', '1', '--dev.gaslimit', `${gasLimit}`]
  const http = [
    '--http',
    '--http.addr',
    loopback,
    '--http.port',
    `${rpc}`,
    '--http.api',
    'eth,web3',
  ]
  // What deploys the CREATE2 deployer on any chain has no chain id.
  const doors = ['--rpc.allow-unprotected-txs', '--authrpc.port', `${auth}`, '--ipcdisable']
  const alone = ['--nodiscover', '--maxpeers', '0', '--port', '0', '--verbosity', '1']
  const child = spawn(path, [...chain, ...http, ...doors, ...alone], { stdio: 'ignore' })
  const url = `http://${loopback}:${rpc}`
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  for (let attempt = 0; attempt < readyTriesMax && child.exitCode === null; attempt++) {
    const answer = await callRpc(url, 'eth_chainId').catch(() => undefined)
    if (Number(answer) === gethChainId) return { url, close }
    await new Promise((resolve) => setTimeout(resolve, readyTryMs))
  }
  await close()
  throw new Error(`"${path} --dev" does not serve`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
