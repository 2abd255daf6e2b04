// Which node a command talks to, and by what it is known.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TangleError } from '../errors.ts';
import type { Call } from './command.ts';
import { caFlag, nodeFlag } from './command.ts';
import { certificatesIn } from './tls-socket.ts';

export interface NodePlace {
  /** Root URL of its API, without a slash at the end. */
  readonly root: string;
  /** Certificates in PEM that are trusted beside the authorities that Node knows. */
  readonly trusted?: string | undefined;
}

/**
 * --node, else where the settings let a node listen. That one is known by the certificate of the settings, unless --ca
 * names another. Throws USAGE_INVALID.
 */
export function nodeOf({ config, flags }: Call): NodePlace {
  const given = flags.get(nodeFlag.flag);
  const caFile = flags.get(caFlag.flag);
  const { certFile } = config.api.tls;
  const trustedFile = caFile ?? (given === undefined ? certFile : undefined);
  const trusted = trustedFile === undefined ? undefined : readTrusted(resolve(trustedFile));
  if (given === undefined) {
    return { root: urlOfBind(config.api.bind, certFile === undefined ? 'http' : 'https'), trusted };
  }
  const text = given.includes('://') ? given : `http://${given}`;
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw new TangleError(
      'USAGE_INVALID',
      `${nodeFlag.flag} takes a URL such as http://127.0.0.1:14265.`,
    );
  }
  return { root: text.replace(/\/$/, ''), trusted };
}

/** Where a node that listens on `bind` is reached from this machine. */
export function urlOfBind(bind: string, protocol: 'http' | 'https' = 'http'): string {
  const reachable = bind.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
  return `${protocol}://${reachable}`;
}

function readTrusted(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    if (certificatesIn(pem).length > 0) return pem;
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    const sentence = `The certificate in ${path} cannot be read${why}.`;
    throw new TangleError('USAGE_INVALID', sentence, { cause: error });
  }
  throw new TangleError('USAGE_INVALID', `There is no certificate in ${path}.`);
}
