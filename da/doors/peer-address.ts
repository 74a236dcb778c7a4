/** Whom a quota is counted for: an IPv4 address, or the /64 that one holder of IPv6 has whole. */

import { isIPv6 } from 'node:net'

const mappedPrefix = '::ffff:'

/** One string a peer; undefined (a socket that is gone already) is a peer, too. */
export function peerOf(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (address.startsWith(mappedPrefix)) return address.slice(mappedPrefix.length)
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  while (tail !== undefined && groups.length + after.length < 8) groups.push('0')
  return `${[...groups, ...after].slice(0, 4).join(':')}::/64`
}
