// Holds every answer that a test gets against what docs/openapi.json says of it.
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Check } from 'typebox/schema';
import type { OpenApiDocument, Operation } from '../../src/api/openapi.ts';

const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as OpenApiDocument;

/** Templates in their place; those without parameters first, as a router takes them. */
const templates = Object.entries(document.paths)
  .map(([template, operations]) => ({
    pattern: new RegExp(
      `^${template.replaceAll(/\{rest\}/g, '.*').replaceAll(/\{\w+\}/g, '[^/]+')}$`,
    ),
    operations,
    template,
  }))
  .toSorted((a, b) => Number(a.template.includes('{')) - Number(b.template.includes('{')));

/** What every answer is that no operation is declared for: a refusal. */
const refusals = document.paths['/api/v1/info']!['get']!.responses;

interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly json: unknown;
}

/** In words; undefined when all is as it is declared. */
export function faultOf(
  { method, path }: { readonly method: string; readonly path: string },
  { status, headers, bytes, json }: Seen,
): string | undefined {
  // The preflight of CORS has no operation of its own.
  if (method === 'OPTIONS' && status === 204) return bytes.length === 0 ? undefined : 'a body';
  const responses = operationOf(method, path)?.responses ?? refusalsOnly();
  const reply = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  if (reply === undefined) return `the status ${status}`;
  if (method === 'HEAD') return bytes.length === 0 ? undefined : 'a body';
  const { content } = reply;
  if (content === undefined) return bytes.length === 0 ? undefined : 'a body';
  const type = headers['content-type']?.split(';')[0] ?? 'application/json';
  const schema = content[type]?.schema;
  if (schema === undefined) return `the content type ${type}`;
  if (type !== 'application/json') return undefined;
  // No body is what a schema may call null.
  return Check(resolved(schema), bytes.length === 0 ? null : json)
    ? undefined
    : bytes.toString().slice(0, 500);
}

function operationOf(method: string, path: string): Operation | undefined {
  const [bare = ''] = path.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/);
  const found = templates.find(({ pattern }) => pattern.test(decoded(bare)));
  return found?.operations[method === 'HEAD' ? 'get' : method.toLowerCase()];
}

function refusalsOnly(): Operation['responses'] {
  return Object.fromEntries(Object.entries(refusals).filter(([status]) => status.endsWith('XX')));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function resolved(schema: object): object {
  const name = '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined;
  return name === undefined ? schema : document.components.schemas[name]!;
}
