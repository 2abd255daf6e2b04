import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { blockOf, mayTell, reachOf } from '../../src/gossip/reach.ts';

const at = (host: string) => multiaddr(`/ip4/${host}/tcp/15600`);

describe('an address', () => {
  it.each([
    ['/ip4/127.0.0.1/tcp/1', 'loopback'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/ip4/10.1.2.3/tcp/1', 'private'],
    ['/ip4/172.31.0.1/tcp/1', 'private'],
    ['/ip4/172.32.0.1/tcp/1', 'public'],
    ['/ip4/100.64.0.1/tcp/1', 'private'],
    ['/ip6/fd00::1/tcp/1', 'private'],
    ['/ip6/fe80::1/tcp/1', 'private'],
    ['/ip6/2001:db8::1/tcp/1', 'public'],
    ['/ip6/::ffff:192.168.0.1/tcp/1', 'private'],
    ['/ip6/::ffff:203.0.113.1/tcp/1', 'public'],
    ['/dns4/a.example/tcp/1', 'public'],
  ])('%s is %s', (text, reach) => {
    expect(reachOf(multiaddr(text))).toBe(reach);
  });

  it('is told to nobody outside of the network in which it means something', () => {
    expect(mayTell(at('192.168.0.1'), at('203.0.113.1'))).toBe(false);
    expect(mayTell(at('127.0.0.1'), at('192.168.0.1'))).toBe(false);
    expect(mayTell(at('192.168.0.1'), at('192.168.0.2'))).toBe(true);
    expect(mayTell(at('203.0.113.1'), at('127.0.0.1'))).toBe(true);
  });

  it.each([
    ['/ip4/192.0.2.7/tcp/1', '192.0.2.0/24'],
    ['/ip6/::ffff:192.0.2.7/tcp/1', '192.0.2.0/24'],
    ['/ip6/2001:db8:7::1/tcp/1', '2001:db8:7::/48'],
    ['/ip6/2001:db8::7:1/tcp/1', '2001:db8:0::/48'],
    ['/ip6/2001:db8:1:2:3:4:5:6/tcp/1', '2001:db8:1::/48'],
    ['/ip6/::1/tcp/1', '0:0:0::/48'],
    ['/dns4/a.example/tcp/1', 'a.example'],
  ])('%s is one of block %s', (address, block) => {
    expect(blockOf(multiaddr(address))).toBe(block);
  });
});
