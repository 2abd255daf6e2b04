import { describe, expect, it } from 'vitest';
import { metricNames, metricsTable } from '../src/metrics.ts';
import type { MetricRow, Sample } from '../src/metrics.ts';
import { Metrics } from '../src/registry.ts';

const linesOf = async (metrics: Metrics, isOwner = true): Promise<string[]> =>
  (await metrics.text(isOwner)).split('\n').filter((line) => !line.startsWith('#') && line !== '');

describe('the table of metrics', () => {
  it('has names and labels that Prometheus takes, with units', () => {
    for (const name of metricNames()) {
      const { labels }: MetricRow = metricsTable[name];
      expect(name).toMatch(/^(iota|midge|process)_[a-z0-9_]+$/);
      for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
      expect(name).not.toMatch(/_(ms|millis|percent)$/);
    }
  });
});

describe('metrics', () => {
  it('are asked for at each scrape, and what is gone leaves no line', async () => {
    const metrics = new Metrics();
    let samples: Sample[] = [
      ['iota_node_health', 1],
      ['midge_gossip_neighbours', 2, { relation: 'known' }],
    ];
    metrics.collectFrom(() => samples);
    expect(await linesOf(metrics)).toContain('midge_gossip_neighbours{relation="known"} 2');
    samples = [['midge_gossip_neighbours', 1, { relation: 'unknown' }]];
    const lines = await linesOf(metrics);
    expect(lines).toContain('midge_gossip_neighbours{relation="unknown"} 1');
    expect(lines).not.toContain('midge_gossip_neighbours{relation="known"} 2');
  });

  it('count what others count, and do not count it twice', async () => {
    const metrics = new Metrics();
    metrics.collectFrom(() => [['midge_intake_outcomes_total', 5, { outcome: 'known' }]]);
    await metrics.text(true);
    expect(await linesOf(metrics)).toContain('midge_intake_outcomes_total{outcome="known"} 5');
  });

  it('count what is counted here', async () => {
    const metrics = new Metrics();
    metrics.count('iota_restapi_pow_count');
    metrics.count('iota_restapi_pow_count');
    metrics.observe('iota_restapi_pow_durations', 0.3);
    const lines = await linesOf(metrics);
    expect(lines).toContain('iota_restapi_pow_count 2');
    expect(lines).toContain('iota_restapi_pow_durations_bucket{le="0.2"} 0');
    expect(lines).toContain('iota_restapi_pow_durations_bucket{le="0.5"} 1');
  });

  it('count what is added to a line of theirs, each as it was asked for', async () => {
    const metrics = new Metrics();
    const name = 'iota_restapi_request_duration_seconds';
    const get = metrics.bind(name, { method: 'GET', url: '/health' });
    const post = metrics.bind(name, { method: 'POST', url: '/pins' });
    const count = metrics.bind('iota_restapi_requests_total', {
      code: 200,
      method: 'GET',
      url: '/',
    });
    for (const seconds of [0.001, 0.002, 500]) get(seconds);
    post(0.002);
    count(1);
    await metrics.text(true);
    count(1);
    const lines = await linesOf(metrics);
    expect(lines).toContain('iota_restapi_requests_total{code="200",method="GET",url="/"} 2');
    const buckets = lines.filter((line) => line.startsWith(name));
    const ofGet = buckets
      .filter((line) => line.includes('"GET"'))
      .map((line) => line.split(' ')[1]);
    // Up to 1 ms, 2.5 ms, 13 more bounds, all, the sum, the count.
    const upTo100s = Array.from({ length: 14 }, () => '2');
    expect(ofGet).toEqual(['1', ...upTo100s, '3', '500.003', '3']);
    expect(buckets).toContain(`${name}_bucket{le="0.0025",method="POST",url="/pins"} 1`);
    expect(buckets).toContain(`${name}_count{method="POST",url="/pins"} 1`);
  });

  it('escape what others wrote', async () => {
    const metrics = new Metrics();
    const labels = { address: 'a', alias: 'quote" break\n back\\', id: '1' };
    metrics.collectFrom(() => [['iota_gossip_peers_connected_count', 1, labels]]);
    expect(await linesOf(metrics)).toContain(
      'iota_gossip_peers_connected_count{address="a",alias="quote\\" break\\n back\\\\",id="1"} 1',
    );
  });

  it('tell of neighbours one by one only to the owner', async () => {
    const metrics = new Metrics();
    const labels = { address: '/ip4/192.0.2.1', alias: '', id: '1' };
    metrics.collectFrom(() => [['iota_gossip_peers_connected_count', 1, labels]]);
    expect(await metrics.text(true)).toContain('192.0.2.1');
    const shown = await metrics.text(false);
    expect(shown).not.toContain('iota_gossip_peers');
    expect(shown).toContain('iota_node_health');
  });
});
