/** Agree on one block a height among validators of which fewer than a third are faulty. */

export type { Application, Payload, PayloadAttributes, PayloadStatus } from './application.ts'
