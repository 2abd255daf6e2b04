// Whatever a request can make Fastify and its validator throw, said in our codes and in one clean sentence.
import assert from 'node:assert/strict';
import type { FastifyError, FastifySchemaValidationError } from 'fastify';
import { TangleError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { maxBodyBytes } from './body.ts';

/** With what Ajv's `verbose` adds: the value that is wrong and the schema it breaks. */
interface Fault extends FastifySchemaValidationError {
  readonly data?: unknown;
  /** Of a union: its variants. */
  readonly schema?: unknown;
  /** Its `description` is a phrase that follows "must be". */
  readonly parentSchema?: { readonly description?: string };
}

const translations: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_BAD_URL: ['REQUEST_INVALID', 'The path has a % that no two hex digits follow.'],
  FST_ERR_MAX_PARAM_LENGTH: ['REQUEST_INVALID', 'A part of the path is too long for an id.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'REQUEST_TOO_LARGE',
    `The body is larger than ${maxBodyBytes} bytes, which is enough for any message.`,
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'REQUEST_INVALID',
    'Content-Length is not the length of the body.',
  ],
};

/** What was thrown: as it is when coded, translated when it is Fastify's, INTERNAL when it is neither. */
export function codedError(error: unknown): TangleError {
  if (error instanceof TangleError) return error;
  if (!isFastifyError(error)) return new TangleError('INTERNAL', undefined, { cause: error });
  const { validation, validationContext, statusCode } = error;
  if (validation !== undefined) {
    return new TangleError(
      'REQUEST_INVALID',
      sentenceOf(meantFault(validation), validationContext),
    );
  }
  const translation = translations[error.code];
  if (translation !== undefined) return new TangleError(...translation);
  return statusCode !== undefined && statusCode < 500
    ? new TangleError('REQUEST_INVALID', 'The request cannot be read.', { cause: error })
    : new TangleError('INTERNAL', undefined, { cause: error });
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error;
}

/**
 * Of a value that fits no variant of a union Ajv lists one fault for each variant and then one for the
 * union. The fault to tell is the one of the variant whose `type` the value has.
 */
function meantFault(faults: readonly Fault[]): Fault {
  const union = faults.at(-1);
  assert(union !== undefined);
  if (union.keyword !== 'anyOf' || !Array.isArray(union.schema)) return union;
  const type = typeOf(union.data);
  const position = union.schema.findIndex((variant: Variant) => isOfType(variant, type));
  const path = `${union.schemaPath}/${position}/`;
  const inside = faults.filter(({ schemaPath }) => schemaPath.startsWith(path));
  return inside.length === 0 ? union : meantFault(inside);
}

interface Variant {
  readonly properties?: { readonly type?: { readonly const?: unknown } };
}

function isOfType({ properties }: Variant, type: unknown): boolean {
  return type !== undefined && properties?.type?.const === type;
}

function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
}

function sentenceOf(fault: Fault, part = 'body'): string {
  const path = pathOf(fault.instancePath);
  const { missingProperty, additionalProperty } = fault.params;
  if (typeof missingProperty === 'string') return `${join(path, missingProperty)} is missing.`;
  if (typeof additionalProperty === 'string') {
    return `${join(path, clipped(additionalProperty))} is not a field that this request has.`;
  }
  const expected = fault.parentSchema?.description ?? 'of another kind';
  return `${path === '' ? `The ${part}` : path} must be ${expected}.`;
}

/** `/payload/essence/inputs/3` as a person writes it: `payload.essence.inputs[3]`. */
function pathOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  return steps.reduce(
    (path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : join(path, step)),
    '',
  );
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The name is the client's own text, and as long as the client likes. */
function clipped(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
