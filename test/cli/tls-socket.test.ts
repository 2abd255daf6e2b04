// Whom a command believes to be its node.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { aCertificate } from '../support/certificate.ts';
import type { TestCertificate } from '../support/certificate.ts';
import { midge, newFolder } from './midge.ts';

async function aNode({ cert, key }: TestCertificate) {
  const asked: (string | undefined)[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    asked.push(request.headers.authorization);
    response.end(JSON.stringify({ data: [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, asked, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

interface Wish {
  /** What the node shows. */
  readonly shown: TestCertificate;
  /** What the command is told to trust. */
  readonly trusted?: string;
  readonly host?: string;
}

async function listPeers({ shown, trusted, host = '127.0.0.1' }: Wish) {
  await using node = await aNode(shown);
  const cwd = newFolder();
  await writeFile(join(cwd, 'token'), 'the-token');
  if (trusted !== undefined) await writeFile(join(cwd, 'ca.pem'), trusted);
  const ca = trusted === undefined ? [] : ['--ca', join(cwd, 'ca.pem')];
  const url = `https://${host}:${node.port}`;
  const args = ['peers', 'list', '--node', url, '--token-file', join(cwd, 'token')];
  const { code, stderr } = await midge([...args, ...ca], { cwd });
  return { code, stderr, asked: node.asked };
}

const authority = aCertificate({ name: 'authority', isAuthority: true });
const trusting = { code: 0, stderr: '', asked: ['Bearer the-token'] };

describe('a node with https', () => {
  it('is known by its own certificate, whatever name and time it has', async () => {
    const shown = aCertificate({ names: ['example.org'], expiresAtMs: Date.now() - 1000 });
    expect(await listPeers({ shown, trusted: shown.cert })).toEqual(trusting);
  });

  it('is known by its own certificate in a chain', async () => {
    const shown = aCertificate({ names: ['example.org'], by: authority });
    expect(await listPeers({ shown, trusted: shown.cert + authority.cert })).toEqual(trusting);
  });

  it('is known by its authority under its name', async () => {
    const shown = aCertificate({ by: authority });
    const trusted = authority.cert;
    expect(await listPeers({ shown, trusted })).toEqual(trusting);
    expect(await listPeers({ shown, trusted, host: 'localhost' })).toEqual(trusting);
  });

  const strangers: Readonly<Record<string, Wish>> = {
    'that nobody was told of': { shown: aCertificate() },
    'with another certificate of the same name': {
      shown: aCertificate(),
      trusted: aCertificate().cert,
    },
    'of another authority of the same name': {
      shown: aCertificate({ by: aCertificate({ name: 'authority', isAuthority: true }) }),
      trusted: authority.cert,
    },
    'of another name': {
      shown: aCertificate({ by: authority, names: ['example.org'] }),
      trusted: authority.cert,
    },
    'whose time is over': {
      shown: aCertificate({ by: authority, expiresAtMs: Date.now() - 1000 }),
      trusted: authority.cert,
    },
  };

  it.each(Object.entries(strangers))('%s gets no token', async (_who, wish) => {
    const { code, stderr, asked } = await listPeers(wish);
    expect([code, asked]).toEqual([1, []]);
    expect(stderr).toMatch(/^midge: The node at https:.* its certificate is not trusted \(\w+\)/);
  });

  it.each(['no certificate', undefined])('is not known by a file with %s', async (content) => {
    const cwd = newFolder();
    if (content !== undefined) await writeFile(join(cwd, 'ca.pem'), content);
    const line = ['read', 'x', '--node', 'https://127.0.0.1:1', '--ca', join(cwd, 'ca.pem')];
    const { code, stderr } = await midge(line, { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/ca\.pem( cannot be read \(ENOENT\))?\.\n$/);
  });
});
