/** Where solc lays out the storage of a contract, for tests of code that reads slots. */

import { compileLayout } from '../solidity.ts'
import type { ArtifactName } from '../artifacts.ts'

export type FieldPlace = {
  readonly slot: bigint
  /** In bytes from the low end of the slot. */
  readonly offset: number
}

export type StorageLayout = {
  /** By label of a variable, its slot. */
  readonly variables: ReadonlyMap<string, bigint>
  /** By name of a struct without its contract, its fields by label. */
  readonly structs: ReadonlyMap<string, ReadonlyMap<string, FieldPlace>>
}

/** Asks the compiler. */
export function storageLayoutOf(name: ArtifactName): StorageLayout {
  const { storage, types } = compileLayout(name)
  const structs = Object.values(types ?? {}).flatMap(({ label, members }) => {
    if (members === undefined) return []
    const fields = members.map((member) => {
      const place = { slot: BigInt(member.slot), offset: member.offset }
      return [member.label, place] as const
    })
    const short =
      label
        .replace(/^struct /, '')
        .split('.')
        .at(-1) ?? label
    return [[short, new Map(fields)] as const]
  })
  return {
    variables: new Map(storage.map(({ label, slot }) => [label, BigInt(slot)])),
    structs: new Map(structs),
  }
}
