import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createMetrics, serveMetrics, silentMetrics } from './metrics.ts'

test('createMetrics counts, sets and observes in the Prometheus text format', async () => {
  const metrics = createMetrics()
  const labels = ['channel']
  const sent = metrics.counter({ name: 'zg_sent_total', help: 'Messages sent', labels })
  sent(2, { channel: 'vote' })
  sent(1, { channel: 'vote' })
  metrics.gauge({ name: 'zg_peers', help: 'Peers' })(4)
  const buckets = [0.1, 1]
  metrics.histogram({ name: 'zg_finality_seconds', help: 'Finality', buckets })(0.5)
  const text = await metrics.text()
  assert.match(text, /zg_sent_total\{channel="vote"\} 3/)
  assert.match(text, /zg_peers 4/)
  assert.match(text, /zg_finality_seconds_bucket\{le="1"\} 1/)
})

test('createMetrics gives the same metric for the same name', async () => {
  const metrics = createMetrics()
  for (let count = 0; count < 3; count++) metrics.counter({ name: 'zg_a_total', help: 'A' })()
  assert.match(await metrics.text(), /zg_a_total 3/)
})

test('serveMetrics answers GET /metrics and nothing else', async () => {
  const metrics = createMetrics({ processMetrics: true })
  const server = await serveMetrics({ metrics, host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${server.port}`
  const answer = await fetch(`${base}/metrics`)
  assert.match(await answer.text(), /process_cpu_seconds_total/)
  assert.equal((await fetch(`${base}/`)).status, 404)
  assert.equal((await fetch(`${base}/metrics`, { method: 'POST' })).status, 404)
  await server.close()
})

test('silentMetrics keeps nothing', async () => {
  silentMetrics.counter({ name: 'x', help: 'x' })(1)
  assert.equal(await silentMetrics.text(), '')
})
