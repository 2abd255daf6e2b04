import { describe, expect, it } from 'vitest';
import { banner } from '../../src/cli/banner.ts';
import { programWords } from '../../src/cli/program.ts';
import type { NodeSummary } from '../../src/summary.ts';

const info: NodeSummary = {
  version: '1.2.3',
  networkName: 'midge-private',
  minPowScore: 4000,
  dataDir: '/data',
  isNew: true,
  messageCount: 0,
  keeps: 'at most 5 GiB on the disk',
  durability: 'power-loss',
  apiAddress: '0.0.0.0:8080',
  apiUrl: 'http://0.0.0.0:8080',
  mqttUrls: [],
  gossipAddresses: ['/ip4/127.0.0.1/tcp/15600/p2p/12D3'],
  neighbours: [],
  powWorkers: 1,
};

describe('what a person sees when the node is ready', () => {
  it('says where everything is', () => {
    const lines = banner(info).split('\n');
    expect(lines).toContain('  network     midge-private, minimum score 4000');
    expect(lines).toContain('  data        /data (new)');
    expect(lines).toContain('  API         http://0.0.0.0:8080');
    expect(lines).toContain('  gossip      /ip4/127.0.0.1/tcp/15600/p2p/12D3');
    expect(lines).toContain('  neighbours  none');
    expect(lines).toContain('  mining      1 thread');
    expect(banner({ ...info, isNew: false, messageCount: 1 })).toContain('/data (1 message)');
    expect(banner({ ...info, isNew: false, messageCount: 7 })).toContain('/data (7 messages)');
  });

  it('gives command lines that work when pasted on this machine', () => {
    const text = banner(info);
    const body = /-d '([^']+)'/.exec(text)?.[1] ?? '';
    expect(JSON.parse(body)).toEqual({
      payload: { type: 2, index: '6772656574696e6773', data: '68656c6c6f2054616e676c65' },
    });
    expect(text).toContain('curl -s http://127.0.0.1:8080/api/v1/messages -H');
    expect(text).toContain("'http://127.0.0.1:8080/api/v1/messages?index=6772656574696e6773'");
    expect(text).toContain('midge read greetings --node http://127.0.0.1:8080');
  });

  it('tells how a node with TLS is reached', () => {
    const secured = { ...info, apiUrl: 'https://0.0.0.0:8080', certFile: '/etc/cert.pem' };
    const text = banner(secured);
    expect(text).toContain("curl -sk 'https://127.0.0.1:8080/api/v1/messages?index=67726565");
    expect(text).toContain(
      "midge read greetings --node https://127.0.0.1:8080 --ca '/etc/cert.pem'",
    );
  });

  it('names commands as whoever reads it would type them', () => {
    const atDefault = { ...info, apiAddress: '127.0.0.1:14265' };
    expect(banner(atDefault, programWords({ npm_lifecycle_event: 'start' }))).toMatch(
      /^ {2}npm start -- attach greetings "hello Tangle"$/m,
    );
    expect(banner(atDefault, programWords({}))).toMatch(/^ {2}midge read greetings$/m);
  });

  it('does not tell to attach where the node does not mine', () => {
    expect(banner({ ...info, powWorkers: 0 })).not.toMatch(/attach/i);
  });
});
