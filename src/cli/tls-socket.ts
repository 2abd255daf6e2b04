// A TLS connection to a node. Who counts as that node is settled before a byte is sent, and a token with it.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { connect, getCACertificates } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/**
 * `trusted` is PEM, and holds authorities, or the very certificate of the node: that one is good under any name and at
 * any time, as the keys of hosts are that one has seen. Throws what node:tls does, and an error in words for a stranger.
 */
export async function connectTls(
  url: URL,
  {
    trusted,
    signal,
  }: { readonly trusted?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<TLSSocket> {
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  const socket = connect({
    host,
    port: Number(url.port || 443),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    ...(isIP(host) === 0 && { servername: host }),
    ...(trusted !== undefined && { ca: [...getCACertificates('default'), trusted] }),
    // Not the last word: it is asked for below.
    rejectUnauthorized: false,
  });
  try {
    await once(socket, 'secureConnect', { signal });
    if (socket.authorized || isItself(socket, trusted)) return socket;
    throw new Error(
      `its certificate is not trusted (${String(socket.authorizationError)}); name it, or that of its authority, with --ca FILE`,
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function isItself(socket: TLSSocket, trusted = ''): boolean {
  const shown = socket.getPeerX509Certificate();
  return certificatesIn(trusted).some(({ raw }) => shown?.raw.equals(raw));
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Throws for a block that is none. */
export function certificatesIn(pem: string): X509Certificate[] {
  return [...pem.matchAll(pemBlock)].map(([block]) => new X509Certificate(block));
}
