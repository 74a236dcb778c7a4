/**
 * Puts bytecode together: instructions by name, pushes of the shortest form, labels.
 */

import { bigintToMinimalBytes } from '@zg/primitives'

import { opcodeName } from '../opcodes.ts'

const bytesByName = new Map<string, number>()
for (let byte = 0; byte < 256; byte++) {
  const name = opcodeName(byte)
  if (!bytesByName.has(name)) bytesByName.set(name, byte)
}
bytesByName.set('INVALID', 0xfe)

/** Code in the making. */
export class Assembler {
  readonly #bytes: number[] = []
  readonly #labels: number[] = []
  readonly #uses: { readonly at: number; readonly label: number }[] = []

  get size(): number {
    return this.#bytes.length
  }

  /** Appends instructions by name. */
  op(...names: readonly string[]): this {
    for (const name of names) {
      const byte = bytesByName.get(name)
      if (byte === undefined) throw new Error(`no instruction ${name}`)
      this.#bytes.push(byte)
    }
    return this
  }

  /** Pushes words, the last of which ends on top. */
  push(...words: readonly (bigint | number)[]): this {
    for (const word of words) {
      const data = bigintToMinimalBytes(BigInt(word))
      this.#bytes.push(0x5f + data.length, ...data)
    }
    return this
  }

  raw(bytes: Iterable<number>): this {
    this.#bytes.push(...bytes)
    return this
  }

  /** Returns a label to jump to; it stands nowhere yet. */
  label(): number {
    return this.#labels.push(-1) - 1
  }

  /** Puts the label here, with a JUMPDEST. */
  place(label: number): this {
    this.#labels[label] = this.#bytes.length
    return this.op('JUMPDEST')
  }

  /** Pushes where the label stands, in two bytes. */
  pushLabel(label: number): this {
    this.#bytes.push(0x61)
    this.#uses.push({ at: this.#bytes.length, label })
    this.#bytes.push(0, 0)
    return this
  }

  build(): Uint8Array {
    for (const { at, label } of this.#uses) {
      const target = this.#labels[label] as number
      this.#bytes[at] = target >> 8
      this.#bytes[at + 1] = target & 0xff
    }
    return Uint8Array.from(this.#bytes)
  }
}
