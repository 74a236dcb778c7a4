/**
 * A look at the shape of a JSON text before it is parsed.
 *
 * `JSON.parse` recurses for each nested array and allocates for each member, so a small body can
 * cost much. One pass over the characters, strings skipped by a native search, bounds both. It does
 * not judge the grammar: what is no JSON fails in `JSON.parse` afterwards.
 */

import { ZgError } from '@zg/primitives'

import { jsonDepthMax, jsonNodesMax } from './limits.ts'

const quote = 34
const comma = 44
const bracketOpen = 91
const backslash = 92
const bracketClose = 93
const braceOpen = 123
const braceClose = 125

/**
 * Checks that `text` nests at most `jsonDepthMax` deep and has at most `jsonNodesMax` members.
 *
 * @throws {JsonTooDeepError} `CHAIN_JSON_TOO_DEEP`
 * @throws {JsonTooWideError} `CHAIN_JSON_TOO_WIDE`
 */
export function checkJsonShape(text: string): void {
  let depth = 0
  let nodes = 0
  for (let index = 0; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (char === quote) {
      index = endOfString(text, index + 1)
    } else if (char === bracketOpen || char === braceOpen) {
      if (++depth > jsonDepthMax) throw new JsonTooDeepError()
      nodes++
    } else if (char === bracketClose || char === braceClose) {
      depth--
    } else if (char === comma) {
      nodes++
    }
  }
  if (nodes > jsonNodesMax) throw new JsonTooWideError(nodes)
}

/** Index of the quote that ends the string begun before `from`; the text's end without one. */
function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (end !== -1) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash && end - 1 - slashes >= from) slashes++
    if (slashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

export class JsonTooDeepError extends ZgError<'CHAIN_JSON_TOO_DEEP'> {
  constructor() {
    const message = `Cannot read the request: its JSON nests deeper than ${jsonDepthMax}`
    super('CHAIN_JSON_TOO_DEEP', message, { depthMax: jsonDepthMax })
  }
}

export class JsonTooWideError extends ZgError<'CHAIN_JSON_TOO_WIDE'> {
  constructor(nodes: number) {
    const problem = `its JSON has ${nodes} members of at most ${jsonNodesMax}`
    const message = `Cannot read the request: ${problem}`
    super('CHAIN_JSON_TOO_WIDE', message, { nodes, nodesMax: jsonNodesMax })
  }
}
