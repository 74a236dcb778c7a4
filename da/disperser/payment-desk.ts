/**
 * Who pays a disperser for a blob (docs/specs/da.md §6): a voucher, or the quota of whoever asks.
 *
 * A voucher promises all that its payer owes so far, so the next one must promise more by the price
 * of the blob at least, and the payer's escrow must hold what the disperser has not redeemed yet.
 */

import { bigintToBytes, bytesEqual, concat, keccak256, recoverAddress, toHex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import type { DataChain } from '../chain/data-chain.ts'
import { UnpaidError } from '../doors/dispersal.ts'
import type { Voucher } from '../doors/dispersal.ts'

/** Peers whose quota is remembered; the one longest unseen goes first. */
const peersMax = 4_096
/** As many times the quota of one peer all of them have together. */
const peersInAll = 8

const utf8 = new TextEncoder()
const hashText = (text: string): Uint8Array => keccak256(utf8.encode(text))
const domainType = hashText(
  'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
)
const voucherType = hashText('Voucher(address payer,address disperser,uint256 total)')

/** Where vouchers are redeemed. */
export type VoucherDomain = {
  readonly chainId: bigint
  /** 20 bytes. */
  readonly entrance: Uint8Array
}

/** What a payer signs (EIP-712); 32 bytes. */
export function voucherDigest(
  { chainId, entrance }: VoucherDomain,
  voucher: Omit<Voucher, 'signature'> & { readonly disperser: Uint8Array },
): Uint8Array {
  const domain = keccak256(
    concat(
      domainType,
      hashText('zg data'),
      hashText('1'),
      bigintToBytes(chainId, 32),
      addressWord(entrance),
    ),
  )
  const { payer, disperser, total } = voucher
  const content = keccak256(
    concat(voucherType, addressWord(payer), addressWord(disperser), bigintToBytes(total, 32)),
  )
  return keccak256(concat(Uint8Array.of(0x19, 0x01), domain, content))
}

export type PaymentDeskOptions = {
  readonly chain: DataChain
  readonly clock: Clock
  /** 20 bytes. */
  readonly disperser: Uint8Array
  /**
   * Bytes of data rows that one peer may have dispersed for nothing in `quotaWindowMs`, a blob
   * counted as if it were alone; all peers together have `peersInAll` times as much.
   */
  readonly quotaBytes: number
  readonly quotaWindowMs: number
}

export class PaymentDesk {
  readonly #options: PaymentDeskOptions
  /** The last voucher of each payer. */
  readonly #promised = new Map<string, Promised>()
  readonly #peers = new Map<string, Quota>()
  #all: Quota | undefined

  constructor(options: PaymentDeskOptions) {
    this.#options = options
  }

  /**
   * Takes a voucher for `price` wei, or `sizeBytes` of the peer's quota.
   *
   * @throws {UnpaidError} `DA_UNPAID`
   */
  async pay(
    sizeBytes: number,
    price: bigint,
    by: {
      readonly voucher?: Voucher | undefined
      readonly peer: string
      /** 32 bytes: what it is for; the same voucher pays for it again after a crash. */
      readonly request: Uint8Array
    },
  ): Promise<void> {
    if (by.voucher === undefined) this.#charge(by.peer, sizeBytes)
    else await this.#accept(by.voucher, price, by.request)
  }

  /** The last voucher of every payer: what there is to redeem. */
  vouchers(): readonly Voucher[] {
    return [...this.#promised.values()].map(({ voucher }) => voucher)
  }

  /** Takes back in what a journal kept. */
  restore(voucher: Voucher, request: Uint8Array): void {
    const key = toHex(voucher.payer)
    const known = this.#promised.get(key)
    if (known === undefined || known.voucher.total < voucher.total) {
      this.#promised.set(key, { voucher, request })
    }
  }

  async #accept(voucher: Voucher, price: bigint, request: Uint8Array): Promise<void> {
    const { chain, disperser } = this.#options
    const { payer, total, signature } = voucher
    const digest = voucherDigest(chain.vouchers, { payer, total, disperser })
    const author = signature.length === 65 ? recoverAddress(digest, split(signature)) : undefined
    if (author === undefined || !bytesEqual(author, payer)) {
      throw new UnpaidError('its payer did not sign the voucher')
    }
    const redeemed = await chain.redeemedOf(payer, disperser)
    const balance = await chain.balanceOf(payer)
    const known = this.#promised.get(toHex(payer))
    const isSame = known?.voucher.total === total && bytesEqual(known.request, request)
    if (isSame) return
    const promised = known?.voucher.total ?? 0n
    const before = promised > redeemed ? promised : redeemed
    if (total < before + price) {
      throw new UnpaidError(`the voucher promises ${total} wei, and ${before + price} are due`)
    }
    if (balance < total - redeemed) {
      throw new UnpaidError(`the payer's escrow holds ${balance} wei of ${total - redeemed}`)
    }
    this.#promised.set(toHex(payer), { voucher, request })
  }

  /** What is left of a quota that fills again with time. */
  #drawn(known: Quota | undefined, quotaBytes: number, sizeBytes: number): Quota {
    const { clock, quotaWindowMs } = this.#options
    const atMs = clock.nowMs()
    const gained = known === undefined ? 0 : ((atMs - known.atMs) * quotaBytes) / quotaWindowMs
    const before = known === undefined ? quotaBytes : known.leftBytes + gained
    return { leftBytes: Math.min(quotaBytes, before) - sizeBytes, atMs }
  }

  #charge(peer: string, sizeBytes: number): void {
    const { quotaBytes, quotaWindowMs } = this.#options
    const own = this.#drawn(this.#peers.get(peer), quotaBytes, sizeBytes)
    const all = this.#drawn(this.#all, quotaBytes * peersInAll, sizeBytes)
    if (own.leftBytes < 0 || all.leftBytes < 0) {
      const whose = own.leftBytes < 0 ? `${quotaBytes} bytes` : 'no more bytes of all peers'
      throw new UnpaidError(`without a voucher ${whose} go in ${quotaWindowMs / 1_000} s`)
    }
    this.#all = all
    this.#peers.delete(peer)
    this.#peers.set(peer, own)
    if (this.#peers.size > peersMax) this.#peers.delete(this.#peers.keys().next().value!)
  }
}

type Promised = { readonly voucher: Voucher; readonly request: Uint8Array }
type Quota = { readonly leftBytes: number; readonly atMs: number }

function split(signature: Uint8Array): Parameters<typeof recoverAddress>[1] {
  const yParity = signature[64]! - 27
  return { r: signature.subarray(0, 32), s: signature.subarray(32, 64), yParity }
}

function addressWord(address: Uint8Array): Uint8Array {
  return concat(new Uint8Array(12), address)
}
