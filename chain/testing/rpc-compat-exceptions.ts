/** Files of the rpc-compat fixture that our RPC answers otherwise, each with the reason. */

const rootInsteadOfStatus =
  'a receipt before Byzantium holds a state root instead of a status; our chains begin at Cancun'

export const rpcCompatExceptions: Readonly<Record<string, string>> = {
  'eth_config/get-config.io':
    'the fork id (EIP-2124) counts the forks before Cancun, which our chain config does not hold',
  'eth_getBlockByNumber/get-block-london-fork.io':
    'our codec always writes a list of withdrawals: one byte of "size" that London blocks lack',
  'eth_getBlockReceipts/get-block-receipts-by-hash.io': rootInsteadOfStatus,
  'eth_getTransactionReceipt/get-legacy-contract.io': rootInsteadOfStatus,
  'eth_getTransactionReceipt/get-legacy-input.io': rootInsteadOfStatus,
  'eth_sendRawTransaction/send-blob-tx.io':
    'our networks carry no blobs: RPC refuses transactions of type 3 (design §5)',
}
