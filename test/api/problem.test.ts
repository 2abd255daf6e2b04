import { describe, expect, it } from 'vitest';
import { problemOf, statusOf } from '../../src/api/problem.ts';
import { TangleError, errorTable } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';

const isCode = (text: string): text is ErrorCode => text in errorTable;
const codes = Object.keys(statusOf).filter(isCode);

describe('the map from codes to statuses', () => {
  it('is total and has nothing more', () => {
    expect(Object.keys(statusOf).toSorted()).toEqual(Object.keys(errorTable).toSorted());
  });

  it.each(codes)('asks to try %s again exactly when that can help', (code) => {
    const { status, headers } = problemOf(new TangleError(code), 'r');
    const canHelp = errorTable[code].retry && status !== 500;
    expect([429, 503].includes(status)).toBe(canHelp);
    expect('retry-after' in headers).toBe(canHelp);
  });

  const senderCodes = codes.filter((code) => errorTable[code].blame === 'sender');

  it.each(senderCodes)('never blames the node for %s', (code) => {
    expect([400, 413]).toContain(statusOf[code]);
  });
});

describe('a problem', () => {
  it('says the status as text, the sentence, the slug and the request', () => {
    expect(problemOf(new TangleError('PARENT_UNKNOWN', 'Who is that?'), 'r-1').body).toEqual({
      error: {
        code: '400',
        message: 'Who is that?',
        reason: 'parent_unknown',
        requestId: 'r-1',
      },
    });
  });

  it.each(codes.filter((code) => statusOf[code] === 500))('hides %s from clients', (code) => {
    expect(problemOf(new TangleError(code, 'secret'), 'r').body.error).toEqual({
      code: '500',
      message: errorTable.INTERNAL.meaning,
      reason: 'internal',
      requestId: 'r',
    });
  });
});
