import { expect, it } from 'vitest';
import { Peers } from '../../src/gossip/peers.ts';
import { aFolder } from '../support/folder.ts';

const peerId = '12D3KooWMernd6rHLD22VPqbxz46sXxsoFWo5hiZxixu2EKQH87S';
const ownPeerId = '12D3KooWLrrxL34r14Xjrra2cmS3xoyXX3pDhnceeB1Sid48zyuV';
const addressAt = (port: number): string => `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`;

it('a neighbour that was added by command is kept, with its alias, while the settings name it too', async () => {
  await using folder = await aFolder();
  const open = (configured: readonly string[]) =>
    Peers.open({ dataDir: folder.path, ownPeerId, configured });
  await (await open([])).add(addressAt(1), 'cellar');
  const named = await open([addressAt(2)]);
  const [peer] = named.list;
  expect(peer).toMatchObject({ peerId, alias: 'cellar', isKept: true });
  expect(peer?.address.toString()).toBe(addressAt(2));
  // Another one is added and goes, so the file is written anew.
  await named.add(
    addressAt(3).replace(peerId, '12D3KooWAsXrLq1hjtNKPmUotTmWtMsXVcSzSLHLnKoK1jkBUcX9'),
  );
  await named.remove('12D3KooWAsXrLq1hjtNKPmUotTmWtMsXVcSzSLHLnKoK1jkBUcX9');
  const [kept] = (await open([])).list;
  expect(kept).toMatchObject({ peerId, alias: 'cellar' });
});
