/** `zg account`: what an address holds, or the development accounts. */

import { devAccounts } from '@zg/devnet'
import { isHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, clientOf, findEndpoint } from '../endpoint.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

export async function runAccount(input: CommandInput): Promise<void> {
  const address = input.values.text('address')
  if (isHex(address)) await showAccount(input, address)
  else await showDevAccounts(input)
}

async function showAccount(input: CommandInput, address: Hex): Promise<void> {
  const { output } = input
  const endpoint = findEndpoint(input)
  const client = clientOf(endpoint)
  const [chainId, blockNumber, balanceWei, nonce, code] = await asking(endpoint, () =>
    Promise.all([
      client.getChainId(),
      client.getBlockNumber(),
      client.getBalance({ address }),
      client.getTransactionCount({ address }),
      client.getCode({ address }),
    ]),
  )
  const codeSizeBytes = code === undefined ? 0 : (code.length - 2) / 2
  output.json({ address, chainId, blockNumber, balanceWei, nonce, codeSizeBytes })
  const rows = [
    ['address', address],
    ['balance', formatTokens(balanceWei)],
    ['nonce', formatInteger(nonce)],
    ['code', codeOf(codeSizeBytes, code)],
    ['at', `block ${formatInteger(blockNumber)} of chain ${chainId}`],
  ].map(([name = '', text = '']) => [{ text: name, style: 'quiet' as const }, text])
  for (const line of tableLines(output, rows)) output.line(line)
}

function codeOf(sizeBytes: number, code: Hex | undefined): string {
  if (code === undefined || sizeBytes === 0) return 'none'
  // EIP-7702: 0xef0100 ‖ address is a delegation of an ordinary account.
  if (code.startsWith('0xef0100') && sizeBytes === 23) return `delegates to 0x${code.slice(8)}`
  return `${formatInteger(sizeBytes)} bytes`
}

async function showDevAccounts(input: CommandInput): Promise<void> {
  const { output } = input
  const endpoint = findEndpoint(input)
  // The same ten on every world, so one that --rpc names has them too.
  const devs = await devAccounts()
  const client = clientOf(endpoint)
  const accounts = await asking(endpoint, () =>
    Promise.all(
      devs.map(async ({ address, privateKey }, index) => ({
        index,
        address,
        privateKey,
        balanceWei: await client.getBalance({ address }),
        nonce: await client.getTransactionCount({ address }),
      })),
    ),
  )
  output.json({ accounts })
  const rows: Cell[][] = [['', 'address', 'balance', 'nonce'].map(quiet)]
  for (const { index, address, balanceWei, nonce } of accounts) {
    rows.push([quiet(String(index)), address, formatTokens(balanceWei), formatInteger(nonce)])
  }
  for (const line of tableLines(output, rows, { right: [0, 2, 3] })) output.line(line)
  output.line()
  output.line(`  ${output.paint('bad', 'DEV ONLY')}  their keys are public; --json prints them`)
}

function quiet(text: string): Cell {
  return { text, style: 'quiet' }
}
