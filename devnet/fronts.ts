/** The public ports of a world's networks, one each; a lone validator serves it itself. */

import type { PartStatus } from './control.ts'
import { openFront } from './front.ts'
import type { Front } from './front.ts'
import type { ChainPlan } from './world.ts'

export class Fronts {
  readonly #fronts = new Map<number, Front>()

  /** Opens the port of a network whose validators answer. */
  async open({ id, rpcPort, validators }: ChainPlan): Promise<void> {
    if (validators.length === 1) return
    const backPorts = validators.map((validator) => validator.rpcPort)
    this.#fronts.set(id, await openFront({ port: rpcPort, backPorts }))
  }

  /** Follows a part: what is not ready gets no connections. */
  follow(networks: readonly ChainPlan[], { name, state }: PartStatus): void {
    for (const { id, validators } of networks) {
      const validator = validators.find(({ part }) => part === name)
      if (validator !== undefined) this.#fronts.get(id)?.setUp(validator.index, state === 'ready')
    }
  }

  async close(id: number): Promise<void> {
    await this.#fronts.get(id)?.close()
    this.#fronts.delete(id)
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#fronts.keys()].map((id) => this.close(id)))
  }
}
