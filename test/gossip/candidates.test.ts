import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { Candidates, maxCandidates, parsePeerAddress } from '../../src/gossip/candidates.ts';

const peer = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8';
const at = (host: string) => multiaddr(`/ip4/${host}/tcp/15600`);
const fresh = (): Candidates => new Candidates('own');

describe('a candidate', () => {
  it('is dialled where it was found last, and never is the node itself', () => {
    const candidates = fresh();
    candidates.add(peer, [at('203.0.113.1')]);
    candidates.add(peer, [at('203.0.113.2')]);
    candidates.add('own', [at('203.0.113.3')]);
    expect(candidates.list.map(({ addresses }) => addresses.map(String))).toEqual([
      [`/ip4/203.0.113.2/tcp/15600/p2p/${peer}`],
    ]);
  });

  it('is forgotten when it cannot be reached, unless the owner named it', () => {
    const candidates = fresh();
    candidates.add('found', [at('203.0.113.1')]);
    candidates.addBootstrap(multiaddr(`/ip4/203.0.113.9/tcp/1/p2p/${peer}`));
    for (let failure = 0; failure < 4; failure++) candidates.failed('found');
    candidates.reached('found');
    candidates.failed('found');
    expect(candidates.list.length).toBe(2);
    for (let failure = 0; failure < 5; failure++) {
      candidates.failed('found');
      candidates.failed(peer);
    }
    expect(candidates.list.map(({ peerId }) => peerId)).toEqual([peer]);
  });

  it('is one of so many, and of so many of one address block', () => {
    const candidates = fresh();
    for (let n = 0; n < 20; n++) candidates.add(`near${n}`, [at(`203.0.113.${n}`)]);
    expect(candidates.list.length).toBe(8);
    for (let n = 0; n < 2 * maxCandidates; n++) {
      candidates.add(`far${n}`, [at(`198.${n % 256}.${Math.floor(n / 256)}.1`)]);
    }
    expect(candidates.list.length).toBe(maxCandidates);
  });
});

describe('an address that somebody tells', () => {
  it.each([
    '',
    'x',
    '/ip4/203.0.113.1/tcp/1',
    `/ip4/203.0.113.1/tcp/0/p2p/${peer}`,
    `/ip4/203.0.113.1/udp/1/quic-v1/p2p/${peer}`,
    `/ip4/203.0.113.1/tcp/1/ws/p2p/${peer}`,
    `/ip4/203.0.113.1/tcp/1/p2p/${peer}/p2p-circuit/p2p/${peer}`,
    '/ip4/203.0.113.1/tcp/1/p2p/short',
    `/unix/a/p2p/${peer}`,
    `/dns4/${'a'.repeat(400)}/tcp/1/p2p/${peer}`,
  ])('is refused: %s', (text) => {
    expect(parsePeerAddress(text)).toBeUndefined();
  });

  it.each([`/ip4/203.0.113.1/tcp/1/p2p/${peer}`, `/dns4/a.example/tcp/1/p2p/${peer}`])(
    'is taken: %s',
    (text) => {
      expect(parsePeerAddress(text)?.toString()).toBe(text);
    },
  );
});
