import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { lookIntervalMs, openTls, warnBeforeMs } from '../../src/api/tls.ts';
import type { Tls } from '../../src/api/tls.ts';
import { aCertificate, writeCertificate } from '../support/certificate.ts';
import type { CertificatePaths } from '../support/certificate.ts';
import { HandClock } from '../support/clock.ts';
import { aFolder } from '../support/folder.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** What was logged, as `warn: message`. */
function aLog() {
  const lines: string[] = [];
  let wake: (() => void) | undefined;
  const write = (line: string): void => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    lines.push(`${pino.levels.labels[level]}: ${msg}`);
    wake?.();
  };
  const first = async (count: number): Promise<string[]> => {
    while (lines.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return lines;
  };
  return { lines, first, log: pino({}, { write }) };
}

/** Certificates are good from yesterday on. */
const aClock = (): HandClock => new HandClock(Date.now());

/** With another clock it looks at its files only when it is asked to. */
async function opened(files: CertificatePaths, clock?: Clock) {
  const hand = aClock();
  const { lines, first, log } = aLog();
  const tls = await openTls(files, {
    clock: clock ?? hand,
    log,
    setTimer: clock === undefined ? hand.setTimer : () => () => undefined,
  });
  if (tls === undefined) throw new Error('there is no TLS');
  return { tls, clock: hand, lines, first, [Symbol.dispose]: () => tls[Symbol.dispose]() };
}

async function aServer(tls: Tls) {
  const server = createServer(tls.options(), (socket) => socket.end());
  tls.keep(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  /** Serial number of what a newcomer is shown. */
  const shown = async (): Promise<string | undefined> => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const serial = socket.getPeerX509Certificate()?.serialNumber;
    socket.destroy();
    return serial;
  };
  return { shown, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const serialOf = ({ cert }: { cert: string }): string => new X509Certificate(cert).serialNumber;

const renewed = 'info: a new certificate is served';
const kept = 'warn: the certificate cannot be renewed; the one that is served stays';

describe('TLS', () => {
  it('is off without files, and an error with one of them', async () => {
    const { log } = aLog();
    const deps = { clock: new HandClock(), log };
    expect(await openTls({}, deps)).toBeUndefined();
    const sentence: unknown = expect.stringMatching(
      /^api\.tls\.\w+ is given without api\.tls\.\w+; TLS needs both\.$/,
    );
    for (const files of [{ certFile: 'x' }, { keyFile: 'x' }]) {
      await expect(openTls(files, deps)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: sentence,
      });
    }
  });

  it('serves a new certificate by itself, without a new server', async () => {
    await using folder = await aFolder();
    const [old, next] = [aCertificate(), aCertificate()];
    const files = await writeCertificate(folder.path, old);
    using open = await opened(files);
    await using server = await aServer(open.tls);
    expect(await server.shown()).toBe(serialOf(old));
    await writeCertificate(folder.path, next);
    open.clock.advance(lookIntervalMs);
    expect(await open.first(1)).toEqual([renewed]);
    expect(await server.shown()).toBe(serialOf(next));
    // And again.
    await writeCertificate(folder.path, old);
    open.clock.advance(lookIntervalMs);
    expect(await open.first(2)).toEqual([renewed, renewed]);
    expect(await server.shown()).toBe(serialOf(old));
  });

  it('serves it at once when asked to, and says nothing when nothing is new', async () => {
    await using folder = await aFolder();
    const files = await writeCertificate(folder.path, aCertificate());
    using open = await opened(files);
    await open.tls.renew();
    expect(open.lines).toEqual([]);
    const expiresAtMs = 1_900_000_000_000;
    await writeCertificate(folder.path, aCertificate({ expiresAtMs }));
    await open.tls.renew();
    expect([open.lines, open.tls.expiresAtMs]).toEqual([[renewed], expiresAtMs]);
  });

  it('keeps what it has while the new pair is no good, and says so once for each fault', async () => {
    await using folder = await aFolder();
    const [old, next] = [aCertificate(), aCertificate()];
    const files = await writeCertificate(folder.path, old);
    using open = await opened(files);
    await using server = await aServer(open.tls);
    await writeFile(files.certFile, next.cert);
    for (let times = 0; times < 3; times += 1) await open.tls.renew();
    await writeFile(files.certFile, 'nothing');
    for (let times = 0; times < 3; times += 1) await open.tls.renew();
    expect(open.lines).toEqual([kept, kept]);
    expect(await server.shown()).toBe(serialOf(old));
    await writeCertificate(folder.path, next);
    await open.tls.renew();
    expect(open.lines).toEqual([kept, kept, renewed]);
    expect(await server.shown()).toBe(serialOf(next));
  });
});

const endOf = async (folder: string, clock: HandClock, inMs: number) =>
  opened(await writeCertificate(folder, aCertificate({ expiresAtMs: clock.now() + inMs })), clock);

describe('a certificate that ends', () => {
  it('is told of fourteen days before, once a day', async () => {
    await using folder = await aFolder();
    const clock = aClock();
    using open = await endOf(folder.path, clock, warnBeforeMs + dayMs);
    await open.tls.renew();
    expect(open.lines).toEqual([]);
    const soon = 'warn: the certificate of the API expires soon';
    clock.advance(dayMs);
    for (let times = 0; times < 3; times += 1) await open.tls.renew();
    expect(open.lines).toEqual([soon]);
    clock.advance(dayMs);
    for (let times = 0; times < 3; times += 1) await open.tls.renew();
    expect(open.lines).toEqual([soon, soon]);
  });

  it('is told of at once when it is not valid yet, and when a renewed one is not', async () => {
    await using folder = await aFolder();
    const clock = new HandClock();
    const later = () => {
      const startsAtMs = clock.now() + dayMs;
      return aCertificate({ startsAtMs, expiresAtMs: startsAtMs + 90 * dayMs });
    };
    using open = await opened(await writeCertificate(folder.path, later()), clock);
    const early = 'warn: the certificate of the API is not valid yet';
    expect(open.lines).toEqual([early]);
    await writeCertificate(folder.path, later());
    await open.tls.renew();
    expect(open.lines).toEqual([early, renewed, early]);
    clock.advance(dayMs);
    await open.tls.renew();
    expect(open.lines).toEqual([early, renewed, early]);
  });

  it('is served all the same when it has ended', async () => {
    await using folder = await aFolder();
    using open = await endOf(folder.path, aClock(), -dayMs);
    expect(open.lines).toEqual(['warn: the certificate of the API has expired']);
  });
});
