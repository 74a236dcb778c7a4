/**
 * Every limit of the doors, by name.
 *
 * Anyone may reach a door, so no connection, request, wait or answer is free of a bound. At most it
 * holds the blobs of `uploadTurns` and `downloadTurns`, and what clients may send before it is
 * read: a quarter of a gibibyte.
 */

const kibibyte = 1024
const secondMs = 1_000

/** Connections at once; more are closed as they come. */
export const connectionsMax = 128
/** Connections of one peer. */
export const peerConnectionsMax = 16
/** Calls at once on one HTTP/2 connection. */
export const connectionCallsMax = 16
/** Bytes that a client may send on a call, or a connection, before somebody reads them. */
export const callWindowSize = 128 * kibibyte
export const connectionWindowSize = 1024 * kibibyte

export const headersSizeMax = 16 * kibibyte
export const headersCountMax = 64
/** A connection without a call is closed after so long. */
export const idleMsMax = 60 * secondMs

/** Whoever waits for its turn waits so long at most, of one peer only so many. */
const turns = { waitingMax: 64, waitMsMax: 10 * secondMs, peerMax: 4 } as const
/** Blobs that are received, or on their way to the disk. */
export const uploadTurns = { ...turns, atOnceMax: 8 } as const
/** Blobs that are looked for, or on their way to a client. */
export const downloadTurns = { ...turns, atOnceMax: 8 } as const

/** Headers must have arrived by then, and a request so long after its turn has come. */
export const headersMsMax = 10 * secondMs
export const requestMsMax = 60 * secondMs
/** Bytes a second that a request is sent at, at least, once it takes longer than that. */
export const sendingRateMin = 64 * kibibyte
export const sendingFreeMs = 10 * secondMs
/** How often slow senders are looked for. */
export const connectionsCheckMs = 1 * secondMs
/** A put is answered by then: with 503, if its certificate is not formed. */
export const certificateMsMax = 120 * secondMs
/** A client must have read its answer by then. */
export const answerMsMax = 60 * secondMs
/** Bytes of an answer that are handed over at once. */
export const answerPartSize = 64 * kibibyte
