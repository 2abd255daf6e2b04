// The shipped node with a certificate: everything that speaks to it, a renewal while it runs, and what it keeps to itself.
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import type { CertificatePaths } from '../support/certificate.ts';
import { aFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

const run = promisify(execFile);
const authority = aCertificate({ name: 'authority', isAuthority: true });
const own = aCertificate({ by: authority });
const body = JSON.stringify({ payload: { type: 2, index: '61', data: '62' } });
const json = { 'content-type': 'application/json' };

const settingsOf = ({ certFile, keyFile }: CertificatePaths) => ({
  'api.tls.cert-file': certFile,
  'api.tls.key-file': keyFile,
  'mqtt.bind': '127.0.0.1:0',
  // The machine that runs this may itself be late.
  'api.max-event-loop-delay-ms': '0',
  'log.level': 'trace',
});

interface Wish {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: Agent;
}

async function ask(url: string, { body: sent, ...wish }: Wish = {}): Promise<IncomingMessage> {
  const asked = request(url, { ca: authority.cert, agent: false, ...wish }).end(sent);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}

/** Serial number of the certificate that a newcomer is shown at a URL. */
async function shownAt(url: string): Promise<string | undefined> {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), ca: authority.cert });
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}

const serialOf = ({ cert }: { cert: string }): string => new X509Certificate(cert).serialNumber;

describe('a node with TLS', () => {
  let folder: Folder;
  let files: CertificatePaths;
  let node: NodeProcess;
  beforeAll(async () => {
    folder = await aFolder();
    files = await writeCertificate(folder.path, own);
    node = await NodeProcess.start({ dataDir: folder.path, settings: settingsOf(files) });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** A command that reads the settings of the node. */
  const midge = async (...words: readonly string[]): Promise<string> => {
    const place = ['--data-dir', folder.path, '--api.bind', new URL(node.url).host];
    const tls = ['--api.tls.cert-file', files.certFile, '--api.tls.key-file', files.keyFile];
    return (await run(process.execPath, ['bin/midge.js', ...words, ...place, ...tls])).stdout;
  };

  it('serves the clients of the field: REST, MQTT over WebSocket and over TCP', async () => {
    expect(node.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(node.mqttUrl).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/);
    const caFile = join(folder.path, 'authority.pem');
    await writeFile(caFile, authority.cert);
    const urls = [node.url, node.mqttUrl, `${node.url.replace('https', 'wss')}/mqtt`];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: caFile };
    const { stdout } = await run(process.execPath, ['test/e2e/tls-client.ts', ...urls], { env });
    const payload = { type: 2, index: Buffer.from('greetings').toString('hex') };
    const messageId: unknown = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(JSON.parse(stdout)).toMatchObject({
      messageId,
      heard: [payload, payload],
      isHealthy: true,
    });
  });

  it('tells of messages by server-sent events', async () => {
    const events = await ask(`${node.url}/api/midge/v1/events?index=61`);
    const heard = once(events.setEncoding('utf8'), 'data');
    await heard;
    const told = once(events, 'data');
    const answer = await ask(`${node.url}/api/v1/messages`, {
      method: 'POST',
      headers: json,
      body,
    });
    expect(answer.statusCode).toBe(201);
    const { data } = JSON.parse(await text(answer)) as { data: { messageId: string } };
    expect(String(await told)).toContain(data.messageId);
    events.destroy();
  });

  it('is reached by the commands on its own machine, and by others that know its authority', async () => {
    expect(await midge('peers', 'list')).toContain('no neighbours');
    expect(await midge('attach', 'shell', 'hello')).toMatch(/^message +[0-9a-f]{64}$/m);
    expect(await midge('read', 'shell')).toContain('hello');
    expect(await midge('db', 'status')).toMatch(/^messages +\d/m);
    expect(await midge('prune', '--keep', '1000')).toContain('nothing to prune');
    const token = JSON.parse(await midge('token', 'create', '--scope', 'read', '--json')) as {
      id: string;
    };
    await midge('token', 'revoke', token.id);
    await midge('backup', join(folder.path, 'backup'));
    await expect(
      run(process.execPath, ['bin/midge.js', 'read', 'shell', '--node', node.url]),
    ).rejects.toThrow(/certificate is not trusted/);
    const caFile = join(folder.path, 'authority.pem');
    await writeFile(caFile, authority.cert);
    const words = ['bin/midge.js', 'read', 'shell', '--node', node.url, '--ca', caFile];
    expect((await run(process.execPath, words)).stdout).toContain('hello');
  });

  it('tells when the certificate ends', async () => {
    const metrics = await text(await ask(`${node.url}/metrics`));
    const [, end] = /^midge_api_certificate_end_time_seconds (\d+)$/m.exec(metrics) ?? [];
    expect(Number(end)).toBe(new X509Certificate(own.cert).validToDate.getTime() / 1000);
  });

  it('takes a new certificate at SIGHUP, cuts nobody off, and keeps it when the next is none', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await ask(`${node.url}/api/v1/info`, { agent });
    const { localPort } = before.socket;
    before.resume();
    await once(before, 'end');
    const next = aCertificate({ by: authority });
    await writeCertificate(folder.path, next);
    node.child.kill('SIGHUP');
    await node.logged('a new certificate is served');
    for (const url of [node.url, node.mqttUrl]) expect(await shownAt(url)).toBe(serialOf(next));
    const after = await ask(`${node.url}/api/v1/info`, { agent });
    expect([after.statusCode, after.socket.localPort]).toEqual([200, localPort]);
    agent.destroy();

    await writeFile(files.certFile, 'nothing');
    node.child.kill('SIGHUP');
    await node.logged('the certificate cannot be renewed');
    expect(await shownAt(node.url)).toBe(serialOf(next));
  });
});

it('a node with a certificate that is no good ends with a sentence', async () => {
  await using folder = await aFolder();
  const files = await writeCertificate(folder.path, own);
  const start = (settings: Record<string, string>) =>
    NodeProcess.start({ dataDir: folder.path, settings });
  const { 'api.tls.cert-file': cert, ...others } = settingsOf(files);
  await expect(start(others)).rejects.toThrow(
    /ended with 2 .*\nmidge: api\.tls\.keyFile is given without api\.tls\.certFile; TLS needs both\.$/,
  );
  await chmod(files.keyFile, 0o644);
  await expect(start({ 'api.tls.cert-file': cert, ...others })).rejects.toThrow(
    /ended with 1 .*\nmidge: Others can read the key .*key\.pem; run: chmod 600 .*key\.pem\.$/,
  );
});

it('no secret is in any log line, whatever is done', async () => {
  await using folder = await aFolder();
  const dataDir = folder.path;
  const files = await writeCertificate(dataDir, own);
  const settings = { ...settingsOf(files), 'api.public-scopes': 'attach' };
  const node = await NodeProcess.start({ dataDir, settings });
  await using _ = node;
  const owner = readFileSync(join(dataDir, 'api.token'), 'utf8').trim();
  const made = await ask(`${node.url}/api/midge/v1/tokens`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${owner}` },
    body: JSON.stringify({ scopes: ['read'], lifetimeMs: 60_000 }),
  });
  const { token } = (JSON.parse(await text(made)) as { data: { token: string } }).data;

  const statusWith = async (path: string, authorization: string): Promise<number | undefined> => {
    const answer = await ask(node.url + path, { headers: { authorization } });
    answer.resume();
    return answer.statusCode;
  };
  const info = '/api/v1/info';
  expect(await statusWith(info, `Bearer ${token}`)).toBe(200);
  expect(await statusWith('/api/v1/peers', `Bearer ${token}`)).toBe(403);
  expect(await statusWith('/api/v1/peers', `Bearer ${owner}`)).toBe(200);
  // By mistakes of the client's: cut off, misspelt, in the wrong field.
  expect(await statusWith(info, `Bearer ${token}x`)).toBe(401);
  expect(await statusWith(info, token)).toBe(401);
  expect(await statusWith(info, `Basic ${token}`)).toBe(401);
  expect(await statusWith('/api/v1/no-such-route', `Bearer ${owner}`)).toBe(404);
  expect(await statusWith(`${info}?access_token=${token}`, '')).toBe(401);
  for (const url of [node.mqttUrl, `${node.url.replace('https', 'wss')}/mqtt`]) {
    const options = { ca: authority.cert, reconnectPeriod: 0, username: 'x' };
    const client = await connectAsync(url, { ...options, password: token }, false);
    await client.subscribeAsync('messages');
    await client.endAsync(true);
    await expect(connectAsync(url, { ...options, password: `${token}x` }, false)).rejects.toThrow(
      /Bad username or password/,
    );
  }
  const next = aCertificate({ by: authority });
  await writeCertificate(dataDir, { cert: own.cert, key: next.key });
  node.child.kill('SIGHUP');
  await node.logged('the certificate cannot be renewed');
  await writeCertificate(dataDir, next);
  node.child.kill('SIGHUP');
  await node.logged('a new certificate is served');
  expect(await node.stop()).toBe(0);

  const keyLines = [own.key, next.key].flatMap((key) => key.split('\n').slice(1, -2));
  const secrets = {
    owner,
    token,
    signature: token.split('.').at(-1)!,
    signingKey: readFileSync(join(dataDir, 'tokens.key'), 'utf8').trim(),
    identity: readFileSync(join(dataDir, 'identity.key')).toString('hex'),
    ...Object.fromEntries(keyLines.map((line, number) => [`key line ${number}`, line])),
  };
  const shown = node.lines.join('\n');
  expect(shown).toContain('request answered');
  expect(shown).toContain('an MQTT client is gone');
  const found = Object.entries(secrets).filter(([, secret]) => shown.includes(secret));
  expect(found.map(([name]) => name)).toEqual([]);
});
