// The Grafana dashboard, one panel for each metric of the table, rendered by `npm run docs`. A metric that belongs
// to no section stops the rendering.
import { metricNames, metricsTable } from '../src/metrics.ts';
import type { MetricName, MetricRow } from '../src/metrics.ts';

interface Section {
  readonly title: string;
  readonly prefixes: readonly string[];
  /** Open when the dashboard is opened. */
  readonly isOpen?: true;
}

/** The first section whose prefix fits takes a metric. */
const sections: readonly Section[] = [
  { title: 'Node', prefixes: ['iota_node_', 'midge_health_', 'midge_event_loop_'], isOpen: true },
  { title: 'Process', prefixes: ['process_'] },
  { title: 'Intake and store', prefixes: ['midge_intake_', 'midge_store_', 'iota_database_'] },
  { title: 'Disk and pruning', prefixes: ['midge_disk_', 'midge_pruning_'] },
  { title: 'Proof of work', prefixes: ['midge_pow_', 'iota_restapi_pow_'] },
  { title: 'API', prefixes: ['iota_restapi_', 'midge_api_', 'midge_events_'] },
  { title: 'Load balancing', prefixes: ['midge_spare_', 'midge_agent_'] },
  { title: 'MQTT', prefixes: ['midge_mqtt_'] },
  { title: 'Gossip', prefixes: ['iota_gossip_node_', 'midge_gossip_', 'midge_sync_'] },
  { title: 'Neighbours', prefixes: ['iota_gossip_peers_'] },
];

/** What a person wants to see first. */
const overview: readonly MetricName[] = [
  'iota_node_health',
  'iota_node_messages_per_second',
  'midge_store_messages',
  'midge_gossip_neighbours',
  'midge_pow_queued_jobs',
  'midge_event_loop_delay_seconds',
];

const datasource = { type: 'prometheus', uid: '${datasource}' };
const gridColumns = 24;
const panel = { width: 8, height: 7 };
const stat = { width: gridColumns / overview.length, height: 4 };
const chosen = '{instance=~"$instance"}';

export function renderDashboard(): string {
  const dashboard = {
    title: 'Midge',
    uid: 'midge',
    description: 'Every metric of Midge. Rendered from src/metrics.ts by `npm run docs`.',
    tags: ['midge'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [datasourceVariable, instanceVariable] },
    panels: numbered([...overviewPanels(), ...sectionPanels()]),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

const datasourceVariable = {
  name: 'datasource',
  label: 'Source',
  type: 'datasource',
  query: 'prometheus',
};
const instanceVariable = {
  name: 'instance',
  label: 'Node',
  type: 'query',
  datasource,
  query: { query: 'label_values(iota_node_app_info, instance)', refId: 'instance' },
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
};

interface Panel {
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly panels?: readonly Panel[];
}

function overviewPanels(): Panel[] {
  return overview.map((name, position) => ({
    ...panelOf(name),
    type: 'stat',
    options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' },
    gridPos: { h: stat.height, w: stat.width, x: position * stat.width, y: 0 },
  }));
}

function sectionPanels(): Panel[] {
  const placed: Panel[] = [];
  let y = stat.height;
  for (const { title, isOpen = false, names } of sectionsOfTable()) {
    const panels = names.map((name, position) => gridded(panelOf(name), position, y + 1));
    const head = {
      type: 'row',
      title,
      collapsed: !isOpen,
      gridPos: { h: 1, w: gridColumns, x: 0, y },
    };
    // Panels of a section that is closed are inside of it, those of an open one follow it.
    if (isOpen) placed.push({ ...head, panels: [] }, ...panels);
    else placed.push({ ...head, panels });
    y += 1 + (isOpen ? Math.ceil(panels.length / (gridColumns / panel.width)) * panel.height : 0);
  }
  return placed;
}

function sectionsOfTable(): (Section & { readonly names: readonly MetricName[] })[] {
  const rest = new Set(metricNames());
  const filled = sections.map((section) => {
    const names = [...rest].filter((name) =>
      section.prefixes.some((prefix) => name.startsWith(prefix)),
    );
    for (const name of names) rest.delete(name);
    return { ...section, names };
  });
  if (rest.size > 0) throw new Error(`no section of the dashboard takes ${[...rest].join(', ')}`);
  return filled.filter(({ names }) => names.length > 0);
}

function gridded<T>(of: T, position: number, fromY: number): T & Panel {
  const perRow = gridColumns / panel.width;
  const x = (position % perRow) * panel.width;
  const y = fromY + Math.floor(position / perRow) * panel.height;
  return { ...of, gridPos: { h: panel.height, w: panel.width, x, y } };
}

function panelOf(name: MetricName) {
  const row: MetricRow = metricsTable[name];
  const secret = row.isPrivate === true ? ' Needs the token of the owner.' : '';
  return {
    type: 'timeseries',
    title: name
      .replace(/^(iota|midge)_/, '')
      .replace(/_total$/, '')
      .replaceAll('_', ' '),
    description: `${row.help}${secret}`,
    datasource,
    fieldConfig: { defaults: { unit: unitOf(name, row) }, overrides: [] },
    targets: targetsOf(name, row),
  };
}

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
}

function targetsOf(name: MetricName, { type, labels }: MetricRow): Target[] {
  const legend = ['instance', ...labels].map((label) => `{{${label}}}`).join(' ');
  if (type === 'histogram') return quantileTargets(name);
  // Grafana counts moments in milliseconds.
  const factor = name.endsWith('_time_seconds') ? ' * 1000' : '';
  const expr =
    type === 'counter' ? `rate(${name}${chosen}[$__rate_interval])` : `${name}${chosen}${factor}`;
  return [{ refId: 'A', expr, legendFormat: legend }];
}

function quantileTargets(name: MetricName): Target[] {
  return [0.5, 0.95, 0.99].map((quantile, position) => ({
    refId: String.fromCharCode(65 + position),
    expr: `histogram_quantile(${quantile}, sum by (instance, le) (rate(${name}_bucket${chosen}[$__rate_interval])))`,
    legendFormat: `{{instance}} p${quantile * 100}`,
  }));
}

/** By the last word of a name, as Grafana calls it. */
function unitOf(name: MetricName, { type }: MetricRow): string {
  if (name.endsWith('_time_seconds')) return 'dateTimeFromNow';
  const unit = /_(bytes|sizes|seconds|durations|ratio)(_total)?$/.exec(name)?.[1];
  // CPU seconds a second.
  if (type === 'counter' && unit === 'seconds') return 'percentunit';
  if (unit === 'bytes' || unit === 'sizes') return type === 'counter' ? 'Bps' : 'bytes';
  if (unit === 'seconds' || unit === 'durations') return 's';
  if (unit === 'ratio') return 'percentunit';
  return type === 'counter' ? 'ops' : 'short';
}

/** Panels have numbers, those inside of sections too. */
function numbered(panels: readonly Panel[]): object[] {
  let id = 0;
  const number = (one: Panel): object => ({
    id: ++id,
    ...one,
    ...(one.panels !== undefined && { panels: one.panels.map(number) }),
  });
  return panels.map(number);
}
