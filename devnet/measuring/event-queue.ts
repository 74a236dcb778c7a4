/** Events of a play, the earliest first: a binary heap. */

export class EventQueue<Event extends { readonly at: number }> {
  readonly #heap: Event[] = []

  push(event: Event): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above] as Event
      if (parent.at <= event.at) break
      heap[index] = parent
      index = above
    }
    heap[index] = event
  }

  pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      if (below >= heap.length) break
      const right = heap[below + 1]
      if (right !== undefined && right.at < (heap[below] as Event).at) below++
      const child = heap[below] as Event
      if (child.at >= last.at) break
      heap[index] = child
      index = below
    }
    heap[index] = last
    return first
  }
}
