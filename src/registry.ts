// What stands behind GET /metrics: the metrics of the table, and where their values come from.
import assert from 'node:assert/strict';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { HistogramConfiguration } from 'prom-client';
import { isPrivate, metricNames, metricsTable } from './metrics.ts';
import type { Labels, MetricName, MetricRow, Sample } from './metrics.ts';

type Metric = Gauge | Counter | BoundHistogram;

/** Adds to one line of a metric. */
export type Add = (value: number) => void;

interface Buckets {
  readonly bucketValues: Record<string, number>;
  sum: number;
  count: number;
}

/** prom-client hashes the labels at every value, even those of its `labels()`. */
class BoundHistogram extends Histogram {
  /** Of prom-client, by the hash of the labels, in the order in which they came. */
  declare private readonly hashMap: Readonly<Record<string, Buckets>>;
  readonly #bounds: readonly number[];

  constructor(options: HistogramConfiguration<string> & { readonly buckets: number[] }) {
    super(options);
    this.#bounds = options.buckets;
  }

  /** What was observed under these labels before is forgotten. */
  bind(labels: Labels): Add {
    this.zero(labels);
    const line = Object.values(this.hashMap).at(-1);
    assert(line !== undefined);
    return (value) => {
      line.sum += value;
      line.count += 1;
      const bound = this.#bounds.find((upTo) => value <= upTo);
      if (bound !== undefined) line.bucketValues[bound] = (line.bucketValues[bound] ?? 0) + 1;
    };
  }
}

/** Made once for each node. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, Metric>();
  /** Counters, and what is added to them at the next scrape. */
  readonly #lines: { metric: Counter; labels: Labels; waiting: number }[] = [];
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
    if (metric instanceof BoundHistogram) metric.observe(labels, value);
  }

  /** Adds to one line of a counter or a histogram, at every request: its labels are looked at only now. */
  bind(name: MetricName, labels: Labels): Add {
    const metric = this.#metrics.get(name);
    if (metric instanceof BoundHistogram) return metric.bind(labels);
    assert(metric instanceof Counter);
    const line = { metric, labels, waiting: 0 };
    this.#lines.push(line);
    return (value) => {
      line.waiting += value;
    };
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
    for (const line of this.#lines) {
      line.metric.inc(line.labels, line.waiting);
      line.waiting = 0;
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
    return new BoundHistogram({ ...options, buckets: [...(buckets ?? [])] });
  }
}
