// The OpenAPI document as a page to read: one piece of HTML without a script, which needs nothing from anywhere.
import { createHash } from 'node:crypto';
import type { Content, OpenApiDocument, Operation } from './openapi.ts';

const style = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color-scheme: light dark; }
h2 { margin-top: 2rem; }
details { border: 1px solid #8886; border-radius: .3rem; margin: .3rem 0; padding: .3rem .6rem; }
summary { cursor: pointer; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; }
b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; }
td, th { padding: .1rem .8rem .1rem 0; text-align: left; vertical-align: top; }
`;

const styleHash = createHash('sha256').update(style).digest('base64');

/** Nothing is loaded and nothing runs; the page may not even be framed. */
export const pageHeaders = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

export function renderPage({ info, paths }: OpenApiDocument): string {
  const entries = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ path, method, operation })),
  );
  const groups = Object.groupBy(entries, ({ operation }) => operation.tags[0] ?? '');
  const sections = Object.entries(groups).map(
    ([tag, members = []]) => `<h2>${escaped(tag)}</h2>\n${members.map(entryHtml).join('\n')}`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(info.title)} API</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(info.title)} API ${escaped(info.version)}</h1>
<p>${escaped(info.description)} For programs: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function entryHtml({ path, method, operation }: Entry): string {
  const { summary, description, requestBody, responses } = operation;
  return `<details>
<summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>
<p>${escaped(description)}</p>
${parametersHtml(operation)}${contentHtml('Body', requestBody?.content)}
${Object.entries(responses)
  .map(([status, reply]) => contentHtml(`${status} ${reply.description}`, reply.content ?? {}))
  .join('\n')}
</details>`;
}

function parametersHtml({ parameters = [] }: Operation): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(({ name, in: place, required = false, description = '' }) => {
    const cells = [name, place, required ? 'required' : '', description];
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
  });
  return `<table>${rows.join('')}</table>\n`;
}

function contentHtml(title: string, content: Content | undefined): string {
  if (content === undefined) return '';
  const kinds = Object.entries(content).map(
    ([type, { schema }]) =>
      `<details><summary>${escaped(type)}</summary><pre>${escaped(JSON.stringify(schema, undefined, 2))}</pre></details>`,
  );
  return `<p>${escaped(title)}</p>${kinds.join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
