/** Where a client test finds its chain. */

export type Endpoint = {
  readonly rpc: string
  readonly ws: string
  readonly chainId: number
  /** Funded accounts. */
  readonly privateKeys: readonly string[]
}
