import { once } from 'node:events';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { openHost } from '../../src/gossip/host.ts';
import { streamOpenings } from '../../src/gossip/limits.ts';
import { aFolder } from '../support/folder.ts';

const anyPort = ['/ip4/127.0.0.1/tcp/0'];

describe('the host', () => {
  it('listens where it is told, under the same peer id after a restart', async () => {
    await using folder = await aFolder();
    const first = await openHost({ dataDir: folder.path, bind: anyPort });
    const { peerId } = first;
    expect(first.addresses).toEqual([
      expect.stringMatching(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/[1-9]\\d*/p2p/${peerId}$`)),
    ]);
    await first[Symbol.asyncDispose]();
    await using second = await openHost({ dataDir: folder.path, bind: anyPort });
    expect(second.peerId).toBe(peerId);
  });

  it('says so when the address is taken', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, other] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using host = await openHost({ dataDir: one.path, bind: anyPort });
    const bind = [host.addresses[0]!.replace(/\/p2p\/.*/, '')];
    await expect(openHost({ dataDir: other.path, bind })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
  });

  it('holds no more connections than its owner allows', async () => {
    await using folders = new AsyncDisposableStack();
    const folder = async (): Promise<string> => folders.use(await aFolder()).path;
    await using host = await openHost({
      dataDir: await folder(),
      bind: anyPort,
      maxConnections: 2,
      maxConnectionsPerSecond: 1_000,
    });
    const ping = async (): Promise<string> => {
      const guest = folders.use(await openHost({ dataDir: await folder(), bind: [] }));
      const connection = await guest.libp2p.dial(multiaddr(host.addresses[0]));
      return (await connection.newStream('/ipfs/ping/1.0.0')).status;
    };
    expect([await ping(), await ping()]).toEqual(['open', 'open']);
    await expect(ping()).rejects.toBeInstanceOf(Error);
    expect(host.libp2p.getConnections()).toHaveLength(2);
  });

  it('lets in whom its gate lets in', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, other] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using host = await openHost({ dataDir: one.path, bind: anyPort });
    await using guest = await openHost({ dataDir: other.path, bind: [] });
    const asked: string[] = [];
    host.setGate((peerId) => {
      asked.push(peerId);
      return false;
    });
    const dial = guest.libp2p.dial(multiaddr(host.addresses[0]));
    await dial
      .then((connection) => connection.newStream('/ipfs/ping/1.0.0'))
      .then(
        () => expect.unreachable('the gate is closed'),
        () => undefined,
      );
    expect(asked).toEqual([guest.peerId]);
    host.setGate(() => true);
    expect((await guest.libp2p.dial(multiaddr(host.addresses[0]))).status).toBe('open');
  });

  it('drops a connection that opens streams without end', async () => {
    await using folders = new AsyncDisposableStack();
    const [one, other] = [folders.use(await aFolder()), folders.use(await aFolder())];
    await using host = await openHost({ dataDir: one.path, bind: anyPort });
    await using guest = await openHost({ dataDir: other.path, bind: [] });
    const connection = await guest.libp2p.dial(multiaddr(host.addresses[0]));
    const closed = once(connection, 'close');
    let openedCount = 0;
    while (connection.status === 'open') {
      try {
        // One after the other, so that the limits of a protocol at a time do not matter.
        await (await connection.newStream('/ipfs/ping/1.0.0')).close();
        openedCount += 1;
      } catch {
        break;
      }
    }
    await closed;
    expect(openedCount).toBeGreaterThan(streamOpenings.burst / 2);
    expect(openedCount).toBeLessThan(4 * streamOpenings.burst);
    expect((await guest.libp2p.dial(multiaddr(host.addresses[0]))).status).toBe('open');
  });
});
