/** Who a request says it is for (`Host`) and from (`Origin`), and whether that is allowed. */

import { isIP } from 'node:net'

/** Names or origins, compared without case; `'*'` for all. */
export type AllowList = readonly string[] | '*'

/**
 * Whether a `Host` header is allowed: an IP address (no name to rebind), `localhost`, or listed.
 * The port in it does not matter; without the header (HTTP/1.0) nothing is allowed.
 */
export function isHostAllowed(host: string | undefined, allowed: AllowList): boolean {
  if (allowed === '*') return true
  if (host === undefined) return false
  const name = hostName(host)
  if (isIP(name) !== 0 || name === 'localhost') return true
  return allowed.some((entry) => entry.toLowerCase() === name)
}

/** Whether an `Origin` header is allowed; without one the client is no web page. */
export function isOriginAllowed(origin: string | undefined, allowed: AllowList): boolean {
  if (allowed === '*' || origin === undefined) return true
  return allowed.some((entry) => entry.toLowerCase() === origin.toLowerCase())
}

/** `[::1]:8545` -> `::1`, `LocalHost:80` -> `localhost`. */
function hostName(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') : -1
  if (end !== -1) return host.slice(1, end)
  const colon = host.lastIndexOf(':')
  return (colon === -1 ? host : host.slice(0, colon)).toLowerCase()
}
