// The dashboard and the alerts speak of metrics, labels and codes that there are.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alerts } from '../scripts/alerts.ts';
import { errorTable } from '../src/errors.ts';
import { metricNames, metricsTable } from '../src/metrics.ts';
import type { MetricName, MetricRow } from '../src/metrics.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly panels?: readonly Panel[];
}

const dashboard = JSON.parse(readFileSync('docs/grafana/midge.json', 'utf8')) as {
  readonly panels: readonly Panel[];
};
const inside = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const targets = inside.flatMap((panel) => panel.targets ?? []);

/** The metrics of an expression, each with its selector. A histogram is asked by its buckets. */
function metricsOf(expr: string): { name: string; labels: string[] }[] {
  const found = expr.matchAll(/\b((?:iota|midge|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = '', selector = '']) => ({
    name: name.replace(/_bucket$/, ''),
    labels: [...selector.matchAll(/(\w+)=~?"/g)].map(([, label = '']) => label),
  }));
}

function faultsOf(expr: string): string[] {
  return metricsOf(expr).flatMap(({ name, labels }) => {
    if (!(name in metricsTable)) return [`${name} is not in the table`];
    const row: MetricRow = metricsTable[name as MetricName];
    const known = new Set(['instance', ...row.labels]);
    const isRated = new RegExp(`(rate|increase)\\(${name}`).test(expr);
    return [
      ...labels.filter((label) => !known.has(label)).map((label) => `${name} has no ${label}`),
      ...(isRated === (row.type === 'gauge') ? [`${name} is a ${row.type}: ${expr}`] : []),
    ];
  });
}

describe('the dashboard', () => {
  it('shows every metric, and no other', () => {
    expect(targets.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
    const shown = new Set(targets.flatMap(({ expr }) => metricsOf(expr)).map(({ name }) => name));
    expect([...shown].toSorted()).toEqual([...metricNames()].toSorted());
  });

  it('numbers its panels, and none lies over another', () => {
    expect(new Set(inside.map(({ id }) => id)).size).toBe(inside.length);
    const groups = [dashboard.panels, ...dashboard.panels.map(({ panels = [] }) => panels)];
    for (const panels of groups) {
      const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
        Array.from({ length: h * w }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
    }
  });
});

describe('the alerts', () => {
  it.each(alerts.map((alert) => [alert.name, alert] as const))('%s is a rule', (name, alert) => {
    const { expr, for: duration, summary, action } = alert;
    expect(name).toMatch(/^Midge[A-Z][A-Za-z]+$/);
    expect(duration).toMatch(/^\d+[mh]$/);
    expect(faultsOf(expr)).toEqual([]);
    for (const [open, close] of ['()', '{}', '[]']) {
      expect(expr.split(open!).length).toBe(expr.split(close!).length);
    }
    for (const sentence of [summary, action]) expect(sentence).toMatch(/^\S.*\.$/);
    const labels = new Set(
      metricsOf(expr).flatMap(({ name: of }) => metricsTable[of as MetricName].labels),
    );
    for (const [, label] of summary.matchAll(/\$labels\.(\w+)/g)) expect(labels).toContain(label);
  });

  it('have names of their own', () => {
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  });

  it('know how many connections a node takes from the node', () => {
    const rule = alerts.find(({ name }) => name === 'MidgeConnectionsRunOut');
    expect(rule?.expr).toBe('midge_api_connections / midge_api_connections_limit > 0.9');
  });

  it('name codes of errors and routes that there are', () => {
    const codes = alerts.flatMap(({ expr }) => [...expr.matchAll(/code=~"([a-z_|]+)"/g)]);
    const unknown = codes
      .flatMap(([, list = '']) => list.split('|'))
      .filter((code) => !(code.toUpperCase() in errorTable));
    expect([codes.length, unknown]).toEqual([1, []]);
    const routes = alerts.flatMap(({ expr }) => [...expr.matchAll(/url="([^"]+)"/g)]);
    const sources = readFileSync('src/api/routes/messages.ts', 'utf8');
    for (const [, url] of routes) expect(sources).toContain(`'${url}'`);
    expect(routes.length).toBe(1);
  });
});
