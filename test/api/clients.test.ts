import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { makeAddressOf, makeClientOf, makeHolderAt, makeHolderOf } from '../../src/api/clients.ts';
import type { AddressOf } from '../../src/api/clients.ts';
import type { Scope } from '../../src/api/scopes.ts';
import { openApi } from '../../src/api/server.ts';
import { standIns, takingAttach } from './harness.ts';

type Request = Parameters<AddressOf>[0];

const from = (remoteAddress: string | undefined, forwardedFor?: string): Request =>
  ({
    socket: { remoteAddress },
    headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  }) as Request;

describe('a client that connects by itself', () => {
  const addressOf = makeAddressOf();

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:0db8::1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('%s is %s', (address, client) => {
    expect(addressOf(from(address))).toBe(client);
  });

  it('is not believed who else it says it is', () => {
    expect(addressOf(from('203.0.113.7', '198.51.100.1'))).toBe('203.0.113.7');
  });
});

it('clients are told apart however many there are, and a text is believed from proxies only', () => {
  const addressOf = makeAddressOf(['10.0.0.0/8']);
  const numbers = Array.from(
    { length: 2_500 },
    (_, number) => `198.18.${number >> 8}.${number & 255}`,
  );
  for (const _ of ['for the first time', 'again']) {
    expect(numbers.map((number) => addressOf(from('10.0.0.1', number)))).toEqual(numbers);
    expect(numbers.map((number) => addressOf(from(number, '203.0.113.7')))).toEqual(numbers);
    expect(addressOf(from('10.0.0.1', `${'junk, '.repeat(100)}203.0.113.7`))).toBe('203.0.113.7');
    expect(addressOf(from('10.0.0.1', 'junk'))).toBe('10.0.0.1');
    expect(addressOf(from('10.0.0.2', 'junk'))).toBe('10.0.0.2');
  }
});

describe('who holds something for long', () => {
  const holderOf = makeHolderOf(makeClientOf(makeAddressOf(['10.0.0.0/8', '127.0.0.1'])));
  const stranger = { scopes: new Set<Scope>() };
  const guest = { ...stranger, tokenId: '7' };

  it.each([
    [from('203.0.113.7'), stranger, '203.0.113.7'],
    [from('203.0.113.7'), guest, 'token 7'],
    [from('10.0.0.1', '203.0.113.7'), stranger, '203.0.113.7'],
    [from('127.0.0.1', '203.0.113.7'), stranger, '203.0.113.7'],
    [from('127.0.0.1'), stranger, undefined],
    [from('::1'), guest, undefined],
    // A proxy that nobody named is a client, and so are all behind it.
    [from('::1', '203.0.113.7'), stranger, '0:0:0:0::/64'],
  ])('by the request %j', (raw, grant, holder) => {
    expect(holderOf({ raw, grant })).toBe(holder);
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['10.1.2.3', undefined],
    ['::ffff:127.0.0.1', undefined],
  ])('on a connection from %s', (address, holder) => {
    expect(makeHolderAt(['10.0.0.0/8'])(address)).toBe(holder);
  });
});

describe('a client behind a trusted proxy', () => {
  const addressOf = makeAddressOf(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);

  it.each([
    ['the one whom the proxy saw', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['not whom it claims to be', '10.0.0.1', '192.0.2.9, 198.51.100.1', '198.51.100.1'],
    ['found behind several', '10.0.0.1', '198.51.100.1,10.9.9.9 , 127.0.0.1', '198.51.100.1'],
    ['found behind a proxy on IPv6', 'fd00::5', '2001:db8::5', '2001:db8:0:0::/64'],
    ['found behind a mapped proxy', '::ffff:10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['found beside a port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['found beside a port and brackets', '10.0.0.1', '[2001:db8::5]:80', '2001:db8:0:0::/64'],
    ['a machine of the proxies, if all are', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['the proxy, when it says nothing', '10.0.0.1', undefined, '10.0.0.1'],
  ])('is %s', (_, ...[proxy, forwardedFor, client]) => {
    expect(addressOf(from(proxy, forwardedFor))).toBe(client);
  });

  it.each([
    '',
    ',',
    'unknown',
    '198.51.100.1, _hidden',
    '198.51.100.1, 1.2.3',
    '198.51.100.1,',
    '[',
    '[]:1',
    '::ffff:',
    '1.2.3.4:99999999',
    '\u0000',
    '9'.repeat(16_000),
    ','.repeat(16_000),
  ])('has no identity of its own for garbage: %j', (garbage) => {
    expect(addressOf(from('10.0.0.1', garbage))).toBe('10.0.0.1');
  });
});

describe('an attach', () => {
  it.each([
    [[], '127.0.0.1'],
    [['127.0.0.0/8'], '198.51.100.1'],
  ])('counts for its client, with %j trusted for %s', async (trustedProxies, client) => {
    const clients: string[] = [];
    await using api = await openApi(
      { bind: '127.0.0.1:0', trustedProxies },
      {
        ...standIns,
        attach: (draft, call) => {
          clients.push(call.client);
          return takingAttach().attach(draft, call);
        },
      },
    );
    const socket = connect(api.port, api.host);
    socket.write('POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n');
    socket.write('X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 198.51.100.1\r\n');
    socket.write('Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 201 /);
    expect(clients).toEqual([client]);
  });
});
