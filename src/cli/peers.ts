// midge peers: the neighbours of a running node, listed, added, removed.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { askOwner } from './ask-owner.ts';
import { jsonFlag, parameterAt } from './command.ts';
import type { Command } from './command.ts';
import { escapeLine, jsonLine } from './escape.ts';
import { alignColumns, counted } from './layout.ts';
import { ownerFlags } from './owner.ts';

const peerSchema = Type.Object({
  id: Type.String(),
  multiAddresses: Type.Array(Type.String()),
  alias: Type.Optional(Type.String()),
  relation: Type.String(),
  connected: Type.Boolean(),
});
type Peer = Static<typeof peerSchema>;

const aliasFlag = {
  flag: '--alias',
  placeholder: 'NAME',
  description: 'A name for people, up to 64 characters.',
};

export const peersList: Command = {
  name: 'peers list',
  summary: 'show the neighbours of a node',
  parameters: [],
  flags: [...ownerFlags, jsonFlag],
  details: 'The neighbours that the node knows, connected or not, and others that are connected.',
  examples: [['midge peers list', 'those of the node on this machine']],
  run: async (call) => {
    const peers = await askOwner(call, { path: 'v1/peers', method: 'GET' }, Type.Array(peerSchema));
    call.print(call.flags.has(jsonFlag.flag) ? jsonLine(peers) : listView(peers));
  },
};

export const peersAdd: Command = {
  name: 'peers add',
  summary: 'connect a node to another one, now and after restarts',
  parameters: ['<multiaddr>'],
  flags: [...ownerFlags, aliasFlag, jsonFlag],
  details:
    'The address ends in the peer id of the neighbour; its node shows it at the start. The neighbour has to do the same with the address of this node, unless it takes unknown ones.',
  examples: [
    ['midge peers add /ip4/192.0.2.1/tcp/15600/p2p/12D3KooW… --alias cellar', 'by its address'],
  ],
  run: async (call) => {
    const alias = call.flags.get(aliasFlag.flag);
    const body = JSON.stringify({ multiAddress: parameterAt(call, 0), alias });
    const peer = await askOwner(call, { path: 'v1/peers', method: 'POST', body }, peerSchema);
    const state = peer.connected ? 'connected' : 'not connected yet';
    call.print(
      call.flags.has(jsonFlag.flag)
        ? jsonLine(peer)
        : `${escapeLine(nameOf(peer))} is a neighbour now, ${state}.`,
    );
  },
};

export const peersRemove: Command = {
  name: 'peers remove',
  summary: 'part a node from a neighbour',
  parameters: ['<peer-id>'],
  flags: ownerFlags,
  details: 'One that stands in the settings comes back with the next start; take it out there too.',
  examples: [['midge peers remove 12D3KooW…', 'by its peer id, which midge peers list shows']],
  run: async (call) => {
    const peerId = parameterAt(call, 0);
    const path = `v1/peers/${encodeURIComponent(peerId)}`;
    await askOwner(call, { path, method: 'DELETE' }, Type.Null());
    call.print(`${escapeLine(peerId)} is no neighbour any more.`);
  },
};

function nameOf({ alias, id }: Peer): string {
  return alias === undefined ? id : `${alias} (${id})`;
}

function listView(peers: readonly Peer[]): string {
  if (peers.length === 0) {
    return 'The node has no neighbours; add one with: midge peers add <multiaddr>';
  }
  const connected = peers.filter((peer) => peer.connected).length;
  const rows = peers.map((peer) => [
    peer.connected ? 'connected' : 'away',
    peer.relation,
    escapeLine(peer.alias ?? '-'),
    escapeLine(peer.multiAddresses[0] ?? peer.id),
  ]);
  return [
    `${counted(peers.length, 'neighbour')}, ${connected} connected`,
    '',
    alignColumns(rows),
  ].join('\n');
}
