import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../src/api/certificate.ts';
import type { CertificateFiles } from '../../src/api/certificate.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import { aFolder } from '../support/folder.ts';

type Spoil = (files: CertificateFiles) => Promise<void>;

const own = aCertificate();
const another = aCertificate();
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const locked = privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
});
const weak = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey;

const faults: Readonly<Record<string, readonly [spoil: Spoil, sentence: RegExp]>> = {
  'no certificate': [({ certFile }) => rm(certFile), /cert\.pem cannot be read: there is no such/],
  'no key': [({ keyFile }) => rm(keyFile), /key\.pem cannot be read: there is no such file\.$/],
  'a folder': [
    async ({ certFile }) => {
      await rm(certFile);
      await mkdir(certFile);
    },
    /cert\.pem is no file\.$/,
  ],
  'a certificate that is none': [
    ({ certFile }) => writeFile(certFile, 'a certificate'),
    /cert\.pem holds no certificate in PEM\.$/,
  ],
  'a certificate that was cut off': [
    ({ certFile }) => writeFile(certFile, own.cert.slice(0, 200)),
    /cert\.pem holds no certificate in PEM\.$/,
  ],
  'a chain that was cut off': [
    ({ certFile }) => writeFile(certFile, own.cert + another.cert.slice(0, 200)),
    /cert\.pem cannot be served\.$/,
  ],
  'an endless file': [
    ({ certFile }) => writeFile(certFile, Buffer.alloc(256 * 1024 + 1)),
    /cert\.pem is larger than any certificate\.$/,
  ],
  'a key that is none': [
    ({ keyFile }) => writeFile(keyFile, 'a key'),
    /key\.pem holds no private key in PEM\.$/,
  ],
  'a certificate for a key': [
    ({ keyFile }) => writeFile(keyFile, own.cert),
    /key\.pem holds no private key in PEM\.$/,
  ],
  'a key with a passphrase': [
    ({ keyFile }) => writeFile(keyFile, locked),
    /key\.pem has a passphrase; the node takes one without\.$/,
  ],
  'the key of another certificate': [
    ({ keyFile }) => writeFile(keyFile, another.key),
    /is not that of the first certificate/,
  ],
  'the chain in the wrong order': [
    ({ certFile }) => writeFile(certFile, another.cert + own.cert),
    /in a chain that of the node stands first\.$/,
  ],
  'a key of another kind': [
    ({ keyFile }) => writeFile(keyFile, weak.export({ type: 'pkcs8', format: 'pem' })),
    /is not that of the first certificate/,
  ],
  'a key that all can read': [
    ({ keyFile }) => chmod(keyFile, 0o644),
    /^Others can read the key .*key\.pem; run: chmod 600 .*key\.pem\.$/,
  ],
  'a key that a group can write': [({ keyFile }) => chmod(keyFile, 0o620), /^Others can read/],
};

describe('a certificate', () => {
  it('is served with its key until it ends', async () => {
    await using folder = await aFolder();
    const expiresAtMs = 1_800_000_000_000;
    const files = await writeCertificate(folder.path, aCertificate({ expiresAtMs }));
    expect(await readCertificate(files)).toMatchObject({ expiresAtMs });
  });

  it('is served with the chain after it', async () => {
    await using folder = await aFolder();
    const authority = aCertificate({ name: 'authority', isAuthority: true });
    const { cert, key } = aCertificate({ by: authority, expiresAtMs: 1_800_000_000_000 });
    const files = await writeCertificate(folder.path, { cert: cert + authority.cert, key });
    expect(await readCertificate(files)).toMatchObject({ expiresAtMs: 1_800_000_000_000 });
  });

  it.each(Object.entries(faults))('is refused with %s', async (_what, [spoil, sentence]) => {
    await using folder = await aFolder();
    const files = await writeCertificate(folder.path, own);
    await spoil(files);
    const message: unknown = expect.stringMatching(sentence);
    await expect(readCertificate(files)).rejects.toMatchObject({ code: 'TLS_INVALID', message });
  });
});
