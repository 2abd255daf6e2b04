import { expect, it } from 'vitest';
import { makeEnter } from '../../../src/api/mqtt/open.ts';

it('a client may connect only so often in a minute; who stands for many is not counted', () => {
  const refused: string[] = [];
  const place = { leave: () => undefined };
  const enter = makeEnter(
    { enter: () => place, countRefused: (reason) => refused.push(reason) },
    { trustedProxies: ['192.0.2.1'], maxRequestsPerMinute: 2 },
  );
  const isLetIn = (address: string): boolean => enter(address) === place;
  const ofOne = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
  expect(ofOne.map(isLetIn)).toEqual([true, true, false]);
  expect(isLetIn('2001:db8:0:1::1')).toBe(true);
  const many = ['192.0.2.1', '127.0.0.1', '192.0.2.1', '127.0.0.1', '192.0.2.1', '127.0.0.1'];
  expect(many.every(isLetIn)).toBe(true);
  expect(refused).toEqual(['connection_rate']);
});
