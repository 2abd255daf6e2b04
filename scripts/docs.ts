// Renders the documents that come from tables in the source: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { statusOf } from '../src/api/problem.ts';
import { markdownCode, markdownTable } from '../src/config/markdown.ts';
import { renderConfigurationPage } from '../src/config/reference.ts';
import { errorTable } from '../src/errors.ts';
import { metricNames, metricsTable } from '../src/metrics.ts';
import type { MetricRow } from '../src/metrics.ts';
import { renderApiDocument } from './api-document.ts';
import { renderAlerts, renderAlertTable } from './alerts.ts';
import { renderDashboard } from './dashboard.ts';

/** The text of every rendered document by its path. */
export async function renderedPages(): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/configuration.md': renderConfigurationPage(),
    'docs/errors.md': renderErrorsPage(),
    'docs/metrics.md': renderMetricsPage(),
    'docs/openapi.json': await renderApiDocument(),
    'docs/grafana/midge.json': renderDashboard(),
    'docs/prometheus/midge-alerts.yml': renderAlerts(),
  };
}

function renderErrorsPage(): string {
  const statuses = new Map<string, number>(Object.entries(statusOf));
  const rows = Object.entries(errorTable).map(([code, { meaning, blame, retry }]) => [
    markdownCode(code),
    meaning,
    httpWords(code, statuses.get(code)),
    blame,
    retry ? 'yes' : 'no',
  ]);
  const table = markdownTable(['Code', 'Meaning', 'HTTP', 'Blame', 'Retry'], rows);
  return `# Errors

<!-- Rendered from src/errors.ts by \`npm run docs\`. -->

What can go wrong and has a name. The API puts the code into \`error.reason\`, in lower case.

- HTTP: the status of the answer; none when no request can cause the error.
- Blame: \`sender\` when any honest node would refuse the message, so that whoever sent it is at fault;
  \`local\` when only this node refuses, which is never held against a neighbour.
- Retry: whether the same call can succeed later although the caller changes nothing.

${table}
`;
}

function renderMetricsPage(): string {
  const rows = metricNames().map((name) => {
    const { type, help, labels, isPrivate = false }: MetricRow = metricsTable[name];
    return [
      markdownCode(name),
      type,
      labels.map(markdownCode).join(', ') || '-',
      isPrivate ? 'owner' : 'all',
      help,
    ];
  });
  const table = markdownTable(['Metric', 'Type', 'Labels', 'For', 'Meaning'], rows);
  return `# Metrics

<!-- Rendered from src/metrics.ts by \`npm run docs\`. -->

\`GET /metrics\` on the API port, in the text format of Prometheus. Names that begin with \`iota_\` mean what they mean on
the field's nodes; counters are counters, so \`rate()\` holds over a restart.

- For: everybody who may read sees what is for all. What names neighbours and their addresses needs the owner's token:
  \`\`\`yaml
  scrape_configs:
    - job_name: midge
      authorization: { credentials_file: /var/lib/midge/api.token }
      static_configs: [{ targets: ['127.0.0.1:14265'] }]
  \`\`\`

${table}

## Dashboard

[midge.json](grafana/midge.json) is a dashboard for Grafana with a panel for every metric: Dashboards, New, Import. It is
rendered from the same table, so it is never older than the metrics.

## Alerts

[midge-alerts.yml](prometheus/midge-alerts.yml) for \`rule_files\` of Prometheus. The names of metrics in it are checked
against the table.

${renderAlertTable()}
`;
}

/** Clients are shown INTERNAL in the place of every other fault of the node itself. */
function httpWords(code: string, status: number | undefined): string {
  return status === 500 && code !== 'INTERNAL' ? '-' : String(status);
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(await renderedPages())) writeFileSync(path, text);
}
