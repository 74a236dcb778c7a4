/** Files that are there whole or not at all, whatever ends this process. */

import { renameSync, writeFileSync } from 'node:fs'

/** Replaces a file atomically; only its owner may read it. */
export function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, path)
}
