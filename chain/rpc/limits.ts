/**
 * Every limit of the JSON-RPC door, by name.
 *
 * Anyone may reach this door, so no request, connection, subscription or filter is free of a bound.
 * A request over a limit gets a JSON-RPC error that says which one; a connection over a limit is
 * closed.
 */

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
const secondMs = 1_000

/** Greatest HTTP body and WebSocket message. */
export const bodySizeBytesMax = 5 * mebibyte
/** What is read of a refused body, so that its client gets to read why. */
export const discardedSizeBytesMax = 64 * mebibyte
/** Requests in one batch: as many as geth takes, and viem sends. */
export const batchItemsMax = 1_000
/** Sum of the answers of one HTTP body or WebSocket message. */
export const answerSizeBytesMax = 25 * mebibyte
/** Bodies and messages received and not yet answered, all clients together. */
export const pendingSizeBytesMax = 128 * mebibyte
/** Nested arrays and objects in a request, counted before it is parsed. */
export const jsonDepthMax = 64
/** Arrays, objects and their members in a request, counted before it is parsed. */
export const jsonNodesMax = 200_000

/** An HTTP request must have sent its headers by then, and all of itself by `requestTimeoutMs`. */
export const headersTimeoutMs = 10 * secondMs
export const requestTimeoutMs = 30 * secondMs
/** How often slow senders are looked for. */
export const connectionsCheckMs = 1 * secondMs
/** An idle HTTP connection stays open so long: above the usual 60 s of a proxy in front. */
export const keepAliveTimeoutMs = 65 * secondMs
export const headersCountMax = 64
export const headersSizeBytesMax = 16 * kibibyte
/** Sockets open at once, WebSockets included. */
export const connectionsMax = 1_000

/** WebSockets open at once. */
export const webSocketsMax = 256
/** Messages of one WebSocket that wait for an answer; above it we stop reading the socket. */
export const pendingMessagesMax = 64
/** Bytes waiting for a WebSocket client to read; a slower one is cut off. */
export const bufferedSizeBytesMax = 8 * mebibyte
/** A WebSocket that has not answered a ping by the next one is cut off. */
export const pingIntervalMs = 30 * secondMs
export const subscriptionsPerConnectionMax = 100
/** Subscriptions of all clients together: every log is held against each. */
export const subscriptionsMax = 5_000

/** Filters installed at once by all clients; the one idle the longest goes first. */
export const filtersMax = 1_000
/** A filter nobody asked for so long is gone. */
export const filterLifeMs = 5 * 60 * secondMs
/** Changes a filter keeps between two polls; the oldest go first. */
export const filterChangesMax = 10_000

/** Blocks one log query may span. */
export const logBlocksMax = 10_000
/** Logs one query may answer with. */
export const logResultsMax = 10_000
/** Wall-clock one log query may take, and the blocks it reads before giving way. */
export const logBudgetMs = 5 * secondMs
export const logStepBlocks = 64
/** Addresses, and alternatives of one topic, in a log filter. */
export const logFilterAlternativesMax = 1_000

/** Input of a simulated execution. */
export const callInputSizeMax = 2 * mebibyte
/** Addresses, storage keys, authorizations and blob hashes of a transaction object. */
export const requestListItemsMax = 10_000
/** Gas one simulated execution may burn: `eth_call`, each run of `eth_estimateGas`, … */
export const callGasMax = 50_000_000n
/** Wall-clock one method may spend executing, all its runs together. */
export const callBudgetMs = 2 * secondMs
/** Runs of instructions without a jump between two looks at the clock. */
export const callStepsPerLook = 2_000
/** Executions that wait for their turn, all clients together. */
export const callsWaitingMax = 256
/** An execution that has waited so long for its turn is refused. */
export const callWaitMsMax = 5 * secondMs
/** Wall-clock one batch may spend executing; its remaining items are refused. */
export const batchBudgetMs = 10 * secondMs
/** A batch gives way to the rest of the node after so much of it. */
export const batchSliceMs = 20
/** Accounts and slots that state overrides may name. */
export const overrideEntriesMax = 10_000
/** Rounds `eth_createAccessList` may take to reach its fixed point. */
export const accessListRoundsMax = 16

/** Slots one `eth_getProof` may ask for. */
export const proofSlotsMax = 1_024
/** Slots one `eth_getStorageValues` may ask for. */
export const storageValuesMax = 1_024
/** Pooled transactions that one answer prints. */
export const poolContentMax = 10_000
/** Blocks and percentiles one `eth_feeHistory` may ask for. */
export const feeHistoryBlocksMax = 1_024n
export const feeHistoryPercentilesMax = 100
/** Views one `zg_getCertificates` may span. */
export const certificateViewsMax = 256n
/** Blocks that one call of a development chain's `mine` makes. */
export const devBlocksMax = 100_000
