// A certificate and its key, from two PEM files: either both are good for serving, or a sentence says what is wrong.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { TangleError } from '../errors.ts';

export interface CertificateFiles {
  /** The certificate of the node first, then those that lead to its authority. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Good for clients from then on, as Unix time. */
  readonly startsAtMs: number;
  readonly expiresAtMs: number;
}

/** Nothing older: what a client that speaks less sends can be read by others. */
export const minVersion = 'TLSv1.2';

/** Some fifty times what a certificate with its chain takes. */
const maxFileBytes = 256 * 1024;

/** Throws TLS_INVALID. */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const { certFile, keyFile } = files;
  const [cert, key] = [await readPem(certFile, false), await readPem(keyFile, true)];
  const leaf = parsed(() => new X509Certificate(cert), `${certFile} holds no certificate in PEM`);
  if (!leaf.checkPrivateKey(keyOf(keyFile, key))) {
    throw invalid(
      `The key in ${keyFile} is not that of the first certificate in ${certFile}; in a chain that of the node stands first`,
    );
  }
  parsed(() => createSecureContext({ cert, key, minVersion }), `${certFile} cannot be served`);
  const { validFromDate, validToDate } = leaf;
  return {
    cert,
    key,
    startsAtMs: validFromDate.getTime(),
    expiresAtMs: validToDate.getTime(),
  };
}

function keyOf(keyFile: string, key: Buffer): KeyObject {
  if (/ENCRYPTED/.test(key.toString('latin1'))) {
    throw invalid(`The key in ${keyFile} has a passphrase; the node takes one without`);
  }
  return parsed(() => createPrivateKey(key), `${keyFile} holds no private key in PEM`);
}

/** What OpenSSL says is for those who know OpenSSL; it stays with the error as its cause. */
function parsed<T>(parse: () => T, otherwise: string): T {
  try {
    return parse();
  } catch (error) {
    throw invalid(otherwise, error);
  }
}

async function readPem(path: string, isSecret: boolean): Promise<Buffer> {
  try {
    // Looked at before it is opened: opening a pipe would wait for who writes into it.
    const fault = faultOf(path, await stat(path), isSecret);
    if (fault !== undefined) throw invalid(fault);
    return await readFile(path);
  } catch (error) {
    if (error instanceof TangleError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw invalid(`${path} cannot be read: ${readFailures[code] ?? code}`, error);
  }
}

function faultOf(path: string, found: Stats, isSecret: boolean): string | undefined {
  if (!found.isFile()) return `${path} is no file`;
  if (found.size > maxFileBytes) return `${path} is larger than any certificate`;
  const isOpen = (found.mode & 0o077) !== 0 && process.platform !== 'win32';
  return isSecret && isOpen ? `Others can read the key ${path}; run: chmod 600 ${path}` : undefined;
}

/** The system's codes in words. */
const readFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not',
};

function invalid(sentence: string, cause?: unknown): TangleError {
  return new TangleError('TLS_INVALID', `${sentence}.`, { cause });
}
