/**
 * Bugs that seeds of data availability must find: changes to the text of the product, each in a
 * thread that has it so and no other way. A text that is not there once any more is told of. What
 * several defences refuse, each by itself, is not here: a node that takes any epoch, say.
 */

export type DataBug = {
  readonly name: string
  /** What follows, and the rule that tells of it. */
  readonly breaks: string
  /** By file of da/. */
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[]
  /** Whether it is planted in every run of the tests, or in those that take long. */
  readonly isQuick?: boolean
  /** A seed that catches it. */
  readonly seed: number
}

const edit = (file: string, from: string, to: string) => ({ file, from, to })

export const dataBugs: readonly DataBug[] = [
  {
    name: 'signs-twice',
    breaks: 'honest: a node signs a second commitment for a batch',
    edits: [edit('node/data-node.ts', '!bytesEqual(known, commitment)) throw', 'false) throw')],
    isQuick: true,
    seed: 10,
  },
  {
    name: 'signs-before-sync',
    breaks: 'kept: a node signs what is not durable yet',
    edits: [edit('node/row-store.ts', 'await file.sync()', 'void file.sync()')],
    seed: 4,
  },
  {
    name: 'forgets-at-restart',
    breaks: 'kept: a node that restarts does not look what it has',
    edits: [edit('node/row-store.ts', 'if (isEpochName(name)) await', 'if (false) await')],
    isQuick: true,
    seed: 1,
  },
  {
    name: 'no-row-checks',
    breaks: 'kept: a node signs for rows that are not what is committed to',
    edits: [
      edit('node/data-node.ts', 'verifier.check(range) === undefined', 'verifier === undefined'),
    ],
    seed: 1,
  },
  {
    name: 'drops-too-early',
    breaks: 'kept: a node drops files that have not expired',
    edits: [edit('node/row-store.ts', 'segment.epoch < epoch &&', 'segment.epoch <= epoch &&')],
    isQuick: true,
    seed: 2,
  },
  {
    name: 'never-drops',
    breaks: 'forgotten: a node keeps what has expired',
    edits: [edit('node/row-store.ts', 'segment.epoch < epoch &&', 'segment.epoch < 0n &&')],
    seed: 1,
  },
  {
    name: 'two-thirds-exactly',
    breaks: 'counted: two thirds of all slots make a certificate',
    edits: [edit('batch/quorum.ts', '3 * signedSlots > 2 * slots', '3 * signedSlots >= 2 * slots')],
    isQuick: true,
    seed: 7,
  },
  {
    name: 'counts-contested',
    breaks: 'counted: contested members count',
    edits: [
      edit(
        'batch/certificate.ts',
        'signer === undefined || signer.isContested ||',
        'signer === undefined ||',
      ),
      edit(
        'batch/certificate.ts',
        'signers.filter((member) => !quorum.signers[member]!.isContested)',
        'signers',
      ),
    ],
    isQuick: true,
    seed: 7,
  },
  {
    name: 'no-recoding',
    breaks: 'agreed: readers do not code again what they decoded',
    edits: [
      edit(
        'reader/batch-judge.ts',
        '!bytesEqual(commitmentOf(again), commitmentOf(header))',
        'again === header',
      ),
    ],
    seed: 34,
  },
  {
    name: 'any-header',
    breaks: 'clear: readers believe the first header that comes',
    edits: [
      edit(
        'reader/row-gatherer.ts',
        'if (bytesEqual(commitmentOf(header), commitment))',
        'if (true)',
      ),
    ],
    seed: 10,
  },
  {
    name: 'unchecked-rows',
    breaks: 'agreed: readers take rows as they come',
    edits: [
      edit('reader/row-gatherer.ts', 'new Set(verifier.wrongOf(given))', 'new Set<unknown>()'),
    ],
    seed: 4,
  },
  {
    name: 'unchecked-samples',
    breaks: 'sampled: samplers count rows that are wrong',
    edits: [edit('reader/sampler.ts', 'new Set(verifier.wrongOf(rows))', 'new Set<unknown>()')],
    seed: 6,
  },
  {
    name: 'name-not-durable',
    breaks: 'named: nodes are asked before a name is on the disk',
    edits: [
      edit(
        'disperser/disperser.ts',
        "await this.#journal.write({ kind: 'named'",
        "void this.#journal.write({ kind: 'named'",
      ),
    ],
    seed: 21,
  },
  {
    name: 'sequence-again',
    breaks: 'named: a disperser that restarts gives names again',
    edits: [edit('disperser/disperser.ts', 'this.#sequences.learn(', 'void (')],
    seed: 2,
  },
  {
    name: 'certificate-not-durable',
    breaks: 'durable: a handle is shown before its certificate is on the disk',
    edits: [
      edit(
        'disperser/disperser.ts',
        "await this.#journal.write({ kind: 'certified'",
        "void this.#journal.write({ kind: 'certified'",
      ),
    ],
    seed: 7,
  },
  {
    name: 'late-is-lost',
    breaks: 'durable: blobs of a batch that was too late go nowhere',
    edits: [
      edit('disperser/disperser.ts', 'if (isOfBatch) await this.#requeue(id)', 'void isOfBatch'),
    ],
    seed: 22,
  },
  {
    name: 'blob-not-kept',
    breaks: 'durable: a request is acknowledged whose blob is on no disk',
    edits: [
      edit(
        'disperser/dispersal-journal.ts',
        'await this.#disk.writeFile(spoolPath(',
        'void (spoolPath(',
      ),
    ],
    isQuick: true,
    seed: 1,
  },
]
