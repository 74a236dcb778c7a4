/** A client made of disperser.proto by grpc-js: an implementation of gRPC that is not ours. */

import { fileURLToPath } from 'node:url'

import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const path = fileURLToPath(new URL('../doors/disperser.proto', import.meta.url))
/** What disperser.proto says, for clients and servers of grpc-js. */
export const disperserService = loadSync(path, { longs: String, enums: String, keepCase: true })[
  'disperser.Disperser'
] as ServiceDefinition

type Replies = {
  readonly DisperseBlob: { readonly result: string; readonly request_id: Buffer }
  readonly GetBlobStatus: {
    readonly status: string
    readonly info?: {
      readonly blob_header: {
        readonly storage_root: Buffer
        readonly epoch: string
        readonly quorum_id?: string
      }
    }
  }
  readonly RetrieveBlob: { readonly data: Buffer }
}

type CallOptions = {
  /** Bytes where the name ends in `-bin`. */
  readonly metadata?: Readonly<Record<string, Uint8Array>>
  /** Cancels the call. */
  readonly signal?: AbortSignal
}

export class GrpcClient {
  readonly #client: Client

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  /** Rejects with grpc-js' own errors. */
  call<name extends keyof Replies>(
    name: name,
    request: object,
    options: CallOptions = {},
  ): Promise<Replies[name]> {
    const method = disperserService[name]!
    const metadata = new Metadata()
    for (const [key, value] of Object.entries(options.metadata ?? {})) {
      metadata.set(key, Buffer.from(value))
    }
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        (error, reply) => (error ? reject(error) : resolve(reply as Replies[name])),
      )
      options.signal?.addEventListener('abort', () => call.cancel())
    })
  }

  close(): void {
    this.#client.close()
  }
}
