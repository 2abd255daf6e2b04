import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { isReplaced, refusal } from '../../src/gossip/admission.ts';
import type { House } from '../../src/gossip/admission.ts';

const guest = (peerId: string, host: string) => ({
  peerId,
  address: multiaddr(`/ip4/${host}/tcp/1`),
});
const limits = { maxUnknown: 3, maxUnknownPerBlock: 2 };
const house: House = {
  isBanned: (peerId) => peerId === 'banned',
  isKnown: (peerId) => peerId === 'friend' || peerId === 'banned',
  knownCount: 2,
  isDiscovering: false,
  unknown: [],
};

describe('a node lets in', () => {
  it('whom its owner named, unless it is banned', () => {
    const full = { ...house, unknown: [1, 2, 3].map((n) => guest(`${n}`, `203.0.${n}.1`)) };
    expect(refusal(guest('friend', '203.0.9.1'), full, limits)).toBeUndefined();
    expect(refusal(guest('banned', '203.0.9.1'), full, limits)).toBe('banned');
    expect(refusal(guest('new', '203.0.9.1'), full, limits)).toMatch(/too many unknown/);
  });

  it('no strangers while its owner named nobody', () => {
    const alone = { ...house, knownCount: 0 };
    expect(refusal(guest('new', '203.0.0.1'), alone, limits)).toBe('no neighbours wanted');
    expect(refusal(guest('new', '203.0.0.1'), house, limits)).toBeUndefined();
  });

  it('strangers while its owner named nobody, when nodes shall find each other', () => {
    const open = { ...house, knownCount: 0, isDiscovering: true };
    expect(refusal(guest('new', '203.0.0.1'), open, limits)).toBeUndefined();
  });

  it('as many of a private network as there are places', () => {
    const two = { ...house, unknown: [guest('1', '192.168.0.1'), guest('2', '192.168.0.2')] };
    expect(refusal(guest('3', '192.168.0.3'), two, limits)).toBeUndefined();
  });

  it('a few strangers of one address block, and each with any number of connections', () => {
    const two = { ...house, unknown: [guest('1', '203.0.0.1'), guest('2', '203.0.0.2')] };
    expect(refusal(guest('3', '203.0.0.3'), two, limits)).toMatch(/block/);
    expect(refusal(guest('3', '203.0.1.3'), two, limits)).toBeUndefined();
    expect(refusal(guest('2', '203.0.0.2'), two, limits)).toBeUndefined();
  });

  it('no strangers of a block that is banned, but whom its owner named', () => {
    const strict = { ...house, isBanned: (who: string) => who === '203.0.7.0/24' };
    expect(refusal(guest('new', '203.0.7.9'), strict, limits)).toMatch(/block is banned/);
    expect(refusal(guest('new', '203.0.8.9'), strict, limits)).toBeUndefined();
    expect(refusal(guest('friend', '203.0.7.9'), strict, limits)).toBeUndefined();
  });
});

describe('of two streams with one peer', () => {
  it('both sides keep the one that the greater id opened, when both dialled at once', () => {
    const [outbound, inbound] = [
      { direction: 'outbound', ageMs: 5 },
      { direction: 'inbound', ageMs: 5 },
    ] as const;
    const atGreater = { own: 'b', peer: 'a' };
    const atSmaller = { own: 'a', peer: 'b' };
    expect(isReplaced(outbound, inbound, atGreater)).toBe(false);
    expect(isReplaced(inbound, outbound, atGreater)).toBe(true);
    expect(isReplaced(outbound, inbound, atSmaller)).toBe(true);
    expect(isReplaced(inbound, outbound, atSmaller)).toBe(false);
  });

  it('the newer stays when the first is old: who dials again has lost it', () => {
    const first = { direction: 'outbound', ageMs: 60_000 } as const;
    const second = { direction: 'inbound', ageMs: 0 } as const;
    expect(isReplaced(first, second, { own: 'b', peer: 'a' })).toBe(true);
  });
});
