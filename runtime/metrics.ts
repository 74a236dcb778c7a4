/**
 * Counters, gauges and histograms in the Prometheus text format, by prom-client, behind an
 * interface small enough to be passed as an argument. Names end in their unit (`_seconds`,
 * `_bytes`, `_total`), as Prometheus asks.
 */

import { createServer } from 'node:http'

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

export type MetricLabels = Readonly<Record<string, string>>

export type MetricDescription = {
  readonly name: string
  readonly help: string
  /** Names of the labels every value carries. */
  readonly labels?: readonly string[]
}

/** Where a part registers what it counts. Asking twice for one name gives the same metric. */
export interface Metrics {
  /** Something that only grows; the returned function adds to it. */
  counter(description: MetricDescription): (count?: number, labels?: MetricLabels) => void
  /** Something that goes up and down; the returned function sets it. */
  gauge(description: MetricDescription): (value: number, labels?: MetricLabels) => void
  /** A distribution; the returned function adds one observation. */
  histogram(
    description: MetricDescription & { readonly buckets: readonly number[] },
  ): (value: number, labels?: MetricLabels) => void
  /** All metrics in the Prometheus text format. */
  text(): Promise<string>
}

/**
 * Returns a registry of its own.
 *
 * @param options.processMetrics - Also collect memory, CPU, event-loop lag and GC of this process.
 */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const register = new Registry()
  if (options.processMetrics === true) collectDefaultMetrics({ register })
  const held = new Map<string, Counter | Gauge | Histogram>()
  const hold = <metric extends Counter | Gauge | Histogram>(name: string, make: () => metric) => {
    const known = held.get(name)
    if (known !== undefined) return known as metric
    const fresh = make()
    held.set(name, fresh)
    return fresh
  }
  return {
    counter(description) {
      const counter = hold(description.name, () => new Counter(settings(description, register)))
      return (count = 1, labels = {}) => counter.inc(labels, count)
    },
    gauge(description) {
      const gauge = hold(description.name, () => new Gauge(settings(description, register)))
      return (value, labels = {}) => gauge.set(labels, value)
    },
    histogram(description) {
      const buckets = [...description.buckets]
      const make = () => new Histogram({ ...settings(description, register), buckets })
      const histogram = hold(description.name, make)
      return (value, labels = {}) => histogram.observe(labels, value)
    },
    text: () => register.metrics(),
  }
}

/** Metrics that go nowhere. */
export const silentMetrics: Metrics = {
  counter: () => ignore,
  gauge: () => ignore,
  histogram: () => ignore,
  text: () => Promise.resolve(''),
}

/** A running metrics endpoint. */
export type MetricsServer = { readonly port: number; close(): Promise<void> }

/** Serves `GET /metrics`. Port 0 takes a free one. */
export function serveMetrics(options: {
  metrics: Metrics
  host: string
  port: number
}): Promise<MetricsServer> {
  const { metrics, host, port } = options
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address()
      resolve({ port: typeof address === 'object' && address ? address.port : port, close })
    })
  })
}

function ignore(): void {}

function settings(description: MetricDescription, register: Registry) {
  const { name, help, labels = [] } = description
  return { name, help, labelNames: [...labels], registers: [register] }
}
