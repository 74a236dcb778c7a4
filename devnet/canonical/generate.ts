/**
 * Makes `contracts.json`: `node devnet/canonical/generate.ts` from the repository root.
 *
 * Runtime code comes from where npm has it. Code that packages hold as creation code is run at its
 * canonical address by `@ethereumjs/evm` on a chain whose id is `markerChainId`; wherever the
 * result holds that id or the domain separator it gives, an immutable is noted and zeroed.
 *
 * `hardhat-predeploy` cannot be installed beside Hardhat 3 (it wants Hardhat 2 as a peer), so its
 * archive is fetched with `npm pack` into a temporary folder and read there.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'

import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common'
import { createEVM } from '@ethereumjs/evm'
import { createAccount, createAddressFromString } from '@ethereumjs/util'
import { bigintToBytes, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { domainSeparatorOf } from './canonical.ts'
import type { CachedDomain, CanonicalContract, Immutable } from './canonical.ts'

const require = createRequire(import.meta.url)

/** A chain id that occurs in no code by chance. */
const markerChainId = 0x1d0c0ffee5

const predeployVersion = '0.4.1'

const addresses = {
  multicall3: '0xcA11bde05977b3631167028862bE2a173976CA11',
  create2Deployer: '0x4e59b44847b379578588920cA78FbF26c0B4956C',
  permit2: '0x000000000022D473030F116dDEE9F6B43aC78BA3',
  entryPoint07: '0x0000000071727De22E5E9d8BAf0edAc6f37da032',
  senderCreator07: '0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C',
  entryPoint08: '0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108',
  senderCreator08: '0x449ED7C3e6Fee6a97311d4b55475DF59C44AdD33',
} as const

/** The contracts that installed packages carry: can be made again without a network. */
export async function contractsOfInstalledPackages(): Promise<CanonicalContract[]> {
  const viemFolder = dirname(require.resolve('viem/package.json'))
  const { multicall3Bytecode } = require(join(viemFolder, '_cjs/constants/contracts.js')) as {
    multicall3Bytecode: Hex
  }
  const multicall3 = await construct(fromHex(multicall3Bytecode), addresses.multicall3)
  const artifact = require('@account-abstraction/contracts/artifacts/EntryPoint.json') as {
    bytecode: Hex
  }
  const entryPoint = await construct(fromHex(artifact.bytecode), addresses.entryPoint08, [
    addresses.senderCreator08,
  ])
  const senderCreator = entryPoint.created[0]
  if (senderCreator === undefined) throw new Error('EntryPoint 0.8 created no SenderCreator')
  const packageName = '@account-abstraction/contracts'
  const accountAbstraction = `${packageName}@${versionOf(packageName)}`
  return [
    {
      name: 'Multicall3',
      address: addresses.multicall3,
      source: `viem@${versionOf('viem')} multicall3Bytecode`,
      code: toHex(multicall3.code),
    },
    withImmutables(
      {
        name: 'EntryPointV08',
        address: addresses.entryPoint08,
        source: `${accountAbstraction} artifacts/EntryPoint.json`,
        code: toHex(entryPoint.code),
      },
      { name: 'ERC4337', version: '1' },
    ),
    {
      name: 'SenderCreatorV08',
      address: addresses.senderCreator08,
      source: `${accountAbstraction} artifacts/EntryPoint.json, created by its constructor`,
      code: toHex(senderCreator),
    },
  ]
}

/** The contracts that only the unpacked `hardhat-predeploy` in `folder` carries. */
async function contractsOfPredeploy(folder: string): Promise<CanonicalContract[]> {
  const source = `hardhat-predeploy@${predeployVersion}`
  const read = (address: string): Uint8Array =>
    new Uint8Array(readFileSync(join(folder, 'bin', `${address}.bytecode`)))
  // The module cannot be loaded without Hardhat 2, so the literal is read from its text.
  const config = readFileSync(join(folder, 'dist/config.js'), 'utf8')
  const create2 = /deployer\.arachnid.*?bytecode: "(0x[0-9a-f]+)"/s.exec(config)?.[1]
  if (create2 === undefined) throw new Error('hardhat-predeploy holds no CREATE2 deployer')
  const permit2 = await construct(read(addresses.permit2), addresses.permit2)
  const dumped = (name: string, address: Hex): CanonicalContract => ({
    name,
    address,
    source: `${source} bin`,
    code: toHex(read(address)),
  })
  return [
    {
      name: 'Create2Deployer',
      address: addresses.create2Deployer,
      source: `${source} dist/config.js`,
      code: create2 as Hex,
    },
    withImmutables(
      {
        name: 'Permit2',
        address: addresses.permit2,
        source: `${source} bin, creation code`,
        code: toHex(permit2.code),
      },
      { name: 'Permit2' },
    ),
    dumped('EntryPointV07', addresses.entryPoint07),
    dumped('SenderCreatorV07', addresses.senderCreator07),
  ]
}

/** Runs creation code at `address`; returns its runtime code and that of contracts it created. */
async function construct(
  creationCode: Uint8Array,
  address: Hex,
  createdAddresses: readonly Hex[] = [],
): Promise<{ code: Uint8Array; created: Uint8Array[] }> {
  const common = createCustomCommon({ chainId: markerChainId }, Mainnet, {
    hardfork: Hardfork.Prague,
  })
  const evm = await createEVM({ common })
  const to = createAddressFromString(address)
  // EIP-161: a contract under construction has nonce 1, which fixes the addresses it creates at.
  await evm.stateManager.putAccount(to, createAccount({ nonce: 1n }))
  // Called as if it were the contract's own code, creation code returns the runtime code all the
  // same, and sees the canonical address as its own.
  await evm.stateManager.putCode(to, creationCode)
  const { execResult } = await evm.runCall({ to, gasLimit: 30_000_000n })
  if (execResult.exceptionError !== undefined) {
    throw new Error(`The constructor at ${address} failed: ${execResult.exceptionError.error}`)
  }
  const created: Uint8Array[] = []
  for (const createdAddress of createdAddresses) {
    created.push(await evm.stateManager.getCode(createAddressFromString(createdAddress)))
  }
  return { code: execResult.returnValue, created }
}

/** Notes and zeroes the immutables that a constructor took from the marker chain. */
function withImmutables(contract: CanonicalContract, domain: CachedDomain): CanonicalContract {
  const code = fromHex(contract.code)
  const separator = domainSeparatorOf({ address: contract.address, domain }, markerChainId)
  const immutables: Immutable[] = [
    ...cut(code, BigInt(markerChainId), 'chainId'),
    ...cut(code, separator, 'domainSeparator'),
  ]
  const { code: _, ...head } = contract
  return { ...head, domain, immutables, code: toHex(code) }
}

function cut(code: Uint8Array, value: bigint, word: Immutable['word']): Immutable[] {
  const needle = Buffer.from(bigintToBytes(value, 32))
  const found: Immutable[] = []
  for (;;) {
    const offsetBytes = Buffer.from(code.buffer, code.byteOffset, code.length).indexOf(needle)
    if (offsetBytes < 0) break
    code.fill(0, offsetBytes, offsetBytes + 32)
    found.push({ offsetBytes, word })
  }
  if (found.length === 0) throw new Error(`The code holds no ${word}`)
  return found
}

function versionOf(name: string): string {
  const manifest = require.resolve(`${name}/package.json`)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

async function generate(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zg-canonical-'))
  try {
    const pack = ['pack', `hardhat-predeploy@${predeployVersion}`, '--silent']
    const archive = execFileSync('npm', pack, { cwd: folder, encoding: 'utf8' }).trim()
    execFileSync('tar', ['xzf', archive], { cwd: folder })
    const contracts = [
      ...(await contractsOfInstalledPackages()),
      ...(await contractsOfPredeploy(join(folder, 'package'))),
    ]
    contracts.sort((a, b) => a.name.localeCompare(b.name, 'en'))
    const target = new URL('contracts.json', import.meta.url)
    writeFileSync(target, `${JSON.stringify({ contracts }, undefined, 2)}\n`)
    for (const { name, address, code } of contracts) {
      process.stdout.write(`${name.padEnd(18)} ${address} ${(code.length - 2) / 2} bytes\n`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) await generate()
