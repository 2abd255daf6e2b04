// What a file of routes is written with: the server's type, and the envelopes every answer comes in.
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { TObject, TSchema, TString, TUnsafe } from 'typebox';

/** A Fastify server whose handlers are typed by the schemas beside them. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The body of every answer that is not an error: `{"data": ...}`. */
export function dataOf<T extends TSchema>(schema: T): TObject<{ data: T }> {
  return Type.Object({ data: schema });
}

/** The body of every answer that is an error. */
export const problemSchema = Type.Object({
  error: Type.Object({
    code: Type.String({ description: 'the HTTP status' }),
    message: Type.String({ description: 'one sentence that says what to change' }),
    reason: Type.String({ description: 'a slug that stays the same when the sentence changes' }),
    requestId: Type.String({ description: 'what the node logs this request under' }),
  }),
});

/** Spread into the responses of a route that can fail. */
export const problems = { '4xx': problemSchema, '5xx': problemSchema };

/** Of a route for load balancers: the answer is its status, unless it is refused. */
export const bareStatus = {
  200: Type.Unsafe<void>(Type.Null()),
  503: Type.Unsafe<void>(Type.Union([Type.Null(), problemSchema])),
  ...problems,
};

/** Bytes or text that are no JSON. */
export function contentOf<T>(type: string): { content: Record<string, { schema: TUnsafe<T> }> } {
  return {
    content: { [type]: { schema: Type.Unsafe<T>({ type: 'string', contentMediaType: type }) } },
  };
}

/** Exact length and digits are checked where the text becomes bytes, which can name the field. */
export function hex(what: string): TString {
  return Type.String({ description: `${what} as hex` });
}

/** The longest list that one answer holds. */
export const maxResults = 1000;
