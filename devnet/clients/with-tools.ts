/** What a developer does with tool chains that bring a client of their own: Hardhat 3, Foundry. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { Endpoint } from './endpoint.ts'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const project = new URL('hardhat-project/', import.meta.url)
const toolTimeoutMs = 120_000

/** Runs a Hardhat 3 script of deploy, send and call over its HTTP network. */
export async function useHardhat(endpoint: Endpoint): Promise<void> {
  await inFolder(async (out) => {
    const cli = join(dirname(require.resolve('hardhat/package.json')), 'dist/src/cli.js')
    const { stdout } = await run(
      process.execPath,
      [cli, '--network', 'local', 'run', 'scripts/count.ts'],
      {
        cwd: fileURLToPath(project),
        timeout: toolTimeoutMs,
        env: {
          ...process.env,
          HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true',
          ZG_RPC: endpoint.rpc,
          ZG_KEY: endpoint.privateKeys[6],
          ZG_OUT: out,
        },
      },
    )
    assert.match(stdout, /count 6/)
  })
}

/** Runs `forge create` and `cast call | send | block | gas-price | logs | code`. */
export async function useFoundry(endpoint: Endpoint): Promise<void> {
  await inFolder(async (folder) => {
    await mkdir(join(folder, 'src'))
    await copyFile(new URL('contracts/Counter.sol', project), join(folder, 'src/Counter.sol'))
    const compiler = fileURLToPath(new URL('solc.mjs', import.meta.url))
    const settings = [
      '[profile.default]',
      `solc = "${compiler}"`,
      'offline = true',
      'evm_version = "prague"',
    ].join('\n')
    await writeFile(join(folder, 'foundry.toml'), settings)
    const tool = async (name: string, verb: string, ...args: string[]) => {
      const where = ['--rpc-url', endpoint.rpc]
      const options = { cwd: folder, timeout: toolTimeoutMs }
      return (await run(foundryBinary(name), [verb, ...where, ...args], options)).stdout
    }
    const key = ['--private-key', endpoint.privateKeys[7] as string]

    const created = await tool(
      'forge',
      'create',
      'src/Counter.sol:Counter',
      '--broadcast',
      ...key,
      '--constructor-args',
      '5',
    )
    const address = /Deployed to: (0x[0-9a-fA-F]{40})/.exec(created)?.[1]
    assert.ok(address, created)
    const sent = await tool('cast', 'send', address, 'increment()', ...key, '--json')
    assert.equal((JSON.parse(sent) as { status: string }).status, '0x1')
    assert.equal((await tool('cast', 'call', address, 'count()(uint256)')).trim(), '6')
    assert.match(await tool('cast', 'code', address), /^0x60/)
    assert.match(await tool('cast', 'logs', '--address', address, '--from-block', '0'), /topics/)
    assert.match(await tool('cast', 'block', 'latest'), /stateRoot/)
    assert.ok(BigInt((await tool('cast', 'gas-price')).trim()) > 0n)
    assert.equal(BigInt((await tool('cast', 'storage', address, '0')).trim()), 6n)
  })
}

/** The binary itself: the package's own launcher ends with 0 even when the tool fails. */
function foundryBinary(name: string): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return require.resolve(`@foundry-rs/${name}-${process.platform}-${architecture}/bin/${name}`)
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'zg-tools-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
