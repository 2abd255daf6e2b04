// Certificates made on the spot, so that no key lies in the repository and no tool is needed: X.509 v3 with a P-256 key,
// written in DER by hand (RFC 5280).
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const dayMs = 24 * 60 * 60 * 1000;

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const bits = (bytes: Uint8Array): Buffer => der(0x03, Buffer.from([0]), bytes);

const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
const commonName = objectId('550403');
const nameOf = (text: string): Buffer =>
  sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(text)))));
/** GeneralizedTime. */
const timeOf = (ms: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]|\..*/g, '')}Z`));

const extension = (id: string, value: Uint8Array): Buffer =>
  sequence(objectId(id), der(0x04, value));
const authority = extension('551d13', sequence(der(0x01, Buffer.from([255]))));
const alternativeNames = (names: readonly string[]): Buffer =>
  extension(
    '551d11',
    sequence(
      ...names.map((name) =>
        /^[\d.]+$/.test(name)
          ? der(0x87, Buffer.from(name.split('.').map(Number)))
          : der(0x82, Buffer.from(name)),
      ),
    ),
  );

export interface TestCertificate {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

export interface CertificateWish {
  readonly name?: string;
  /** Host names and IPv4 addresses. */
  readonly names?: readonly string[];
  /** A day ago unless given, and a day before its end when that has come. */
  readonly startsAtMs?: number;
  readonly expiresAtMs?: number;
  /** Signs itself when absent. */
  readonly by?: TestCertificate;
  readonly isAuthority?: boolean;
}

export function aCertificate(wish: CertificateWish = {}): TestCertificate {
  const { name = 'localhost', names = ['localhost', '127.0.0.1'], by, isAuthority = false } = wish;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const expiresAtMs = wish.expiresAtMs ?? Date.now() + 90 * dayMs;
  const startsAtMs = wish.startsAtMs ?? Math.min(Date.now(), expiresAtMs) - dayMs;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(by?.name ?? name),
    sequence(timeOf(startsAtMs), timeOf(expiresAtMs)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...(isAuthority ? [authority] : []), alternativeNames(names))),
  );
  const signature = sign('sha256', body, by?.privateKey ?? privateKey);
  const whole = sequence(body, ecdsaWithSha256, bits(signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  const cert = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join(
    '\n',
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { name, cert, key, privateKey };
}

export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
}

/** As the settings name them. */
export async function writeCertificate(
  folder: string,
  { cert, key }: Pick<TestCertificate, 'cert' | 'key'>,
): Promise<CertificatePaths> {
  const paths = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  await writeFile(paths.certFile, cert);
  await writeFile(paths.keyFile, key, { mode: 0o600 });
  return paths;
}
