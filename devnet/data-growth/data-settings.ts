/** What every run of bench `data-growth` shares, so that its figures compare. */

/** Nodes of a group, in so many processes. */
export const nodesOfGroup = 16
export const processesOfGroup = 4

/** Offered to each disperser: blobs of a MiB, so many under way at all times. */
export const blobBytes = 1_048_576
export const blobsAtOnce = 8

/**
 * Processors that a process may use. Four groups (sixteen processes of nodes, four dispersers) may
 * use 1.6 of them together: four fifths of a machine of two.
 */
export const nodeProcessCores = 0.06
export const disperserCores = 0.16

/** Before anything is held or counted: what runs often is compiled while it runs. */
export const warmUpSeconds = 12

/** Held, before a window and after it. */
export const leadSeconds = 4
export const tailSeconds = 1
