// What an address says of where it is: from how far it can be reached, and in whose block of addresses. Pure.
import type { Multiaddr } from '@multiformats/multiaddr';

export type Reach = 'loopback' | 'private' | 'public';
const reaches: readonly Reach[] = ['loopback', 'private', 'public'];

/** From where an address can be reached; names are taken for public. */
export function reachOf(address: Multiaddr): Reach {
  const { name, value } = hostOf(address);
  if (name === 'ip4') return reachIn(ipv4, value);
  return name === 'ip6' ? reachIn(ipv6, value) : 'public';
}

interface Ranges {
  readonly loopback: RegExp;
  readonly private: RegExp;
}

const ipv4: Ranges = {
  loopback: /^127\./,
  private:
    /^(?:0\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/,
};
const ipv6: Ranges = { loopback: /^::1$/, private: /^(?:f[cd]|fe[89ab])/ };

function reachIn(ranges: Ranges, value: string): Reach {
  if (ranges.loopback.test(value)) return 'loopback';
  return ranges.private.test(value) ? 'private' : 'public';
}

/** A network that somebody sits in is nobody else's business: who asks hears of addresses that reach as far as its own. */
export function mayTell(address: Multiaddr, asker: Multiaddr): boolean {
  return reaches.indexOf(reachOf(address)) >= reaches.indexOf(reachOf(asker));
}

/** What one owner can easily fill with addresses: an IPv4 /24, an IPv6 /48, or a name. */
export function blockOf(address: Multiaddr): string {
  const { name, value } = hostOf(address);
  if (name === 'ip4') return `${value.split('.').slice(0, 3).join('.')}.0/24`;
  return name === 'ip6' ? `${groupsOf(value).slice(0, 3).join(':')}::/48` : value;
}

interface AddressHost {
  readonly name: string;
  readonly value: string;
}

function hostOf(address: Multiaddr): AddressHost {
  const [host] = address.getComponents();
  const value = host?.value?.toLowerCase() ?? '';
  return mappedIpv4(value) ?? { name: host?.name ?? '', value };
}

/** An IPv4 address in the clothes of IPv6 is what it is. */
function mappedIpv4(value: string): AddressHost | undefined {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(value) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bytes = [high, low].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 255];
  });
  return { name: 'ip4', value: bytes.join('.') };
}

/** The eight groups of an IPv6 address. */
function groupsOf(value: string): readonly string[] {
  const [before = [], after = []] = value.split('::').map((part) => part.split(':'));
  const filled = [...before, ...after].filter((group) => group !== '').length;
  const zeros = Array.from({ length: Math.max(0, 8 - filled) }, () => '0');
  return [...before.filter((group) => group !== ''), ...zeros, ...after];
}
