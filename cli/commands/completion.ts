/** `zg completion`: prints rules for a shell. */

import { completionScript } from '../completion.ts'
import type { CommandInput } from '../command.ts'

export async function runCompletion({ output, values }: CommandInput): Promise<void> {
  const script = completionScript(values.text('shell') ?? '')
  output.json({ script })
  output.raw(script)
}
