/** Writes the shared vectors: `node consensus/vectors/generate.ts`. */

import { writeFileSync } from 'node:fs'

import { certificateVectors, headerVectors, leaderVectors, voteVectors } from './vectors.ts'

const files = {
  votes: voteVectors(),
  certificates: certificateVectors(),
  headers: headerVectors(),
  leaders: leaderVectors(),
}
for (const [name, content] of Object.entries(files)) {
  const path = new URL(`./${name}.json`, import.meta.url)
  writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`)
}
