// The kinds of settings that need more than a type: what they look like, and what a person may write.
import { isIP, isIPv6 } from 'node:net';
import { Type } from 'typebox';
import type { TSchemaOptions, TString } from 'typebox';

export const MiB = 1024 * 1024;
export const GiB = 1024 * MiB;
export const minuteMs = 60_000;
export const dayMs = 24 * 60 * minuteMs;

/** A default that depends on the machine: found when the settings are loaded, told in words. */
export interface MachineDefault {
  readonly words: string;
  find(): number;
}

export function multiaddr(pattern: string, allowed: string): TString {
  return Type.String({ placeholder: 'MULTIADDR', allowed, pattern });
}

export function ipNetwork(): TString {
  return Type.Refine(
    Type.String({
      placeholder: 'ADDRESS[/BITS]',
      allowed: 'IP addresses and networks such as 10.0.0.0/8',
    }),
    isIpNetwork,
  );
}

function isIpNetwork(text: string): boolean {
  const parts = /^(?<address>[^/%]+)(?:\/(?<bits>\d{1,3}))?$/.exec(text)?.groups;
  const version = isIP(parts?.['address'] ?? '');
  return version !== 0 && Number(parts?.['bits'] ?? 0) <= (version === 4 ? 32 : 128);
}

export function hostPort(options: TSchemaOptions): TString {
  return Type.Refine(
    Type.String({
      placeholder: 'HOST:PORT',
      allowed: 'HOST:PORT with a port from 0 to 65535; an IPv6 host stands in brackets',
      ...options,
    }),
    isHostPort,
  );
}

function isHostPort(text: string): boolean {
  const parts = /^(?:\[(?<ipv6>[^\]]*)\]|[^\s:/[\]]+):(?<port>\d{1,5})$/.exec(text)?.groups;
  if (parts === undefined) return false;
  const isHostFine = parts['ipv6'] === undefined || isIPv6(parts['ipv6']);
  return isHostFine && Number(parts['port']) <= 0xffff;
}
