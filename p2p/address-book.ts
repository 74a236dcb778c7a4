/**
 * Where peers of the open world listen, as told by themselves, by others and by the configuration.
 *
 *     address    /ip4/203.0.113.7/tcp/26656/p2p/12D3KooW…      (dns4, dns6 from the configuration)
 *     message    rlp([ address, … ])                           at most `addressesPerMessageMax`
 *
 * An address is a hint and nothing more: the handshake proves who listens there. Addresses of a
 * machine's inside are believed only from a peer inside it; else a stranger could have us dial our
 * own services.
 */

import { decodeRlp, encodeRlp, rlpBytes, rlpList, ZgError } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import type { OpenPeerId } from './open-network.ts'

export const addressesPerMessageMax = 32

/** The most bytes of one address. */
const addressSizeBytesMax = 192

const addressPattern = /^\/(ip4|ip6|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})\/p2p\/([A-Za-z0-9]{1,96})$/

export type OpenAddress = {
  readonly peer: OpenPeerId
  readonly host: string
  /** The multiaddr. */
  readonly text: string
  /** Whether the host is an address, not a name. */
  readonly isNumeric: boolean
}

type Entry = { readonly address: OpenAddress; readonly isKept: boolean; triedMs: number }

/** Reads a multiaddr of TCP with a peer id; undefined for any other. */
export function parseOpenAddress(text: string): OpenAddress | undefined {
  const [, kind = '', host = '', port, peer = ''] = addressPattern.exec(text) ?? []
  if (port === undefined || Number(port) === 0 || Number(port) > 65_535) return undefined
  return { peer, host, text, isNumeric: kind.startsWith('ip') }
}

/** The host of a multiaddr like `/ip4/127.0.0.1/tcp/4001`; '' when it names none. */
export function hostOf(multiaddr: string): string {
  return /^\/(?:ip4|ip6)\/([^/]+)/.exec(multiaddr)?.[1] ?? ''
}

/** Whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return host === '::1' || /^(::ffff:)?127\./.test(host) || host === 'localhost'
}

/** Whether a host is this machine, or one of the local networks. */
function isInside(host: string): boolean {
  const local = /^(::ffff:)?(0\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/
  return isLoopback(host) || local.test(host) || /^(::$|f[cd]|fe[89ab])/i.test(host)
}

/** Returns the bytes of a list of addresses. */
export function encodeAddresses(addresses: readonly string[]): Uint8Array {
  const encoder = new TextEncoder()
  return encodeRlp(
    addresses.slice(0, addressesPerMessageMax).map((address) => encoder.encode(address)),
  )
}

/**
 * Reads a list of addresses; those of kinds we do not dial are left out.
 *
 * @throws {AddressesMalformedError} `P2P_ADDRESSES_MALFORMED`
 */
export function decodeAddresses(message: Uint8Array): readonly OpenAddress[] {
  let items: readonly Uint8Array[]
  try {
    items = rlpList(decodeRlp(message)).map((item) => rlpBytes(item))
  } catch (cause) {
    throw new AddressesMalformedError('it is no list of texts', cause)
  }
  if (items.length > addressesPerMessageMax) throw new AddressesMalformedError('it is too long')
  if (items.some(({ length }) => length > addressSizeBytesMax)) {
    throw new AddressesMalformedError('an address is too long')
  }
  const decoder = new TextDecoder()
  return items.flatMap((bytes) => {
    const address = parseOpenAddress(decoder.decode(bytes))
    return address?.isNumeric === true ? [address] : []
  })
}

/** One address a peer; when it is full, a newcomer takes the place of one only heard of. */
export class AddressBook {
  readonly #entries = new Map<OpenPeerId, Entry>()
  readonly #countMax: number
  readonly #rng: Rng

  constructor(countMax: number, rng: Rng) {
    this.#countMax = countMax
    this.#rng = rng
  }

  /** Adds an address of the configuration, which stays. */
  keep(address: OpenAddress): void {
    this.#entries.set(address.peer, { address, isKept: true, triedMs: -Infinity })
  }

  /** Adds what a peer told. Only a peer itself changes what is known of it. */
  hear(address: OpenAddress, from: { readonly peer: OpenPeerId; readonly host: string }): void {
    if (isInside(address.host) && !isInside(from.host)) return
    const known = this.#entries.get(address.peer)
    const isNews = known === undefined || (!known.isKept && from.peer === address.peer)
    if (!isNews || known?.address.text === address.text) return
    if (known === undefined && this.#entries.size >= this.#countMax) {
      const heard = [...this.#entries].filter(([, { isKept }]) => !isKept)
      const [victim] = heard[this.#rng.below(Math.max(1, heard.length))] ?? []
      if (victim === undefined) return
      this.#entries.delete(victim)
    }
    this.#entries.set(address.peer, { address, isKept: false, triedMs: -Infinity })
  }

  forget(peer: OpenPeerId): void {
    if (this.#entries.get(peer)?.isKept === false) this.#entries.delete(peer)
  }

  addressOf(peer: OpenPeerId): OpenAddress | undefined {
    return this.#entries.get(peer)?.address
  }

  /** Draws peers to dial that were not tried within `redialMs`, and notes that they are tried. */
  draw(
    count: number,
    options: {
      readonly nowMs: number
      readonly redialMs: number
      readonly isWanted: (peer: OpenPeerId) => boolean
    },
  ): readonly OpenAddress[] {
    const { nowMs, redialMs, isWanted } = options
    const idle = [...this.#entries.values()].filter(
      ({ address, triedMs }) => nowMs - triedMs >= redialMs && isWanted(address.peer),
    )
    const drawn: OpenAddress[] = []
    while (drawn.length < count && idle.length > 0) {
      const [entry] = idle.splice(this.#rng.below(idle.length), 1)
      if (entry === undefined) break
      entry.triedMs = nowMs
      drawn.push(entry.address)
    }
    return drawn
  }
}

export class AddressesMalformedError extends ZgError<'P2P_ADDRESSES_MALFORMED'> {
  constructor(problem: string, cause?: unknown) {
    super('P2P_ADDRESSES_MALFORMED', `Cannot read addresses: ${problem}`, { problem }, cause)
  }
}
