// What stands behind GET /metrics: the metrics of the table, and where their values come from.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { isPrivate, metricNames, metricsTable } from './metrics.ts';
import type { Labels, MetricName, MetricRow, Sample } from './metrics.ts';

type Metric = Gauge | Counter | Histogram;

/** Made once for each node. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, Metric>();
  #collect: () => Iterable<Sample> = () => [];

  constructor() {
    for (const name of metricNames()) this.#metrics.set(name, this.#make(name));
  }

  /** Asked at every scrape. Of a name that it tells it must always tell all. */
  collectFrom(collect: () => Iterable<Sample>): void {
    this.#collect = collect;
  }

  /** Adds to a counter that is counted here. */
  count(name: MetricName, labels: Labels = {}): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Counter) metric.inc(labels);
  }

  /** Adds to a histogram. */
  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Histogram) metric.observe(labels, value);
  }

  /** In the text format of Prometheus; the owner sees the private ones too. */
  async text(isOwner: boolean): Promise<string> {
    const cleared = new Set<MetricName>();
    for (const [name, value, labels = {}] of this.#collect()) {
      const metric = this.#metrics.get(name);
      // Neighbours that are gone leave no lines behind.
      if (!cleared.has(name)) metric?.reset();
      cleared.add(name);
      if (metric instanceof Gauge) metric.set({ ...labels }, value);
      if (metric instanceof Counter) metric.inc({ ...labels }, value);
    }
    const shown = metricNames().filter((name) => isOwner || !isPrivate(name));
    const texts = shown.map((name) => this.#registry.getSingleMetricAsString(name));
    return `${(await Promise.all(texts)).join('\n\n')}\n`;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #make(name: MetricName): Metric {
    const { type, help, labels, buckets }: MetricRow = metricsTable[name];
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'gauge') return new Gauge(options);
    if (type === 'counter') return new Counter(options);
    return new Histogram({ ...options, buckets: [...(buckets ?? [])] });
  }
}
