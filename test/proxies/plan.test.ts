import { describe, expect, it } from 'vitest';
import {
  alternatives,
  closedPaths,
  endpointText,
  jobMark,
  nodeUrl,
  nodesText,
  planOf,
} from '../../src/proxies/plan.ts';

describe('a plan', () => {
  it('numbers the nodes from 1 and knows their agents', () => {
    const plan = planOf({ nodes: '127.0.0.1:1, [::1]:2,a.example:3' });
    expect(plan).toEqual({
      nodes: [
        { host: '127.0.0.1', port: 1, number: 1, agent: { host: '127.0.0.1', port: 14_266 } },
        { host: '::1', port: 2, number: 2, agent: { host: '::1', port: 14_266 } },
        { host: 'a.example', port: 3, number: 3, agent: { host: 'a.example', port: 14_266 } },
      ],
      listen: { host: '0.0.0.0', port: 80 },
      proxyAddress: 'ADDRESS-OF-THIS-PROXY',
    });
    expect(plan.nodes.map(endpointText)).toEqual(['127.0.0.1:1', '[::1]:2', 'a.example:3']);
  });

  it('takes agents, a place to listen and an address', () => {
    const plan = planOf({
      nodes: '127.0.0.1:1,127.0.0.2:2',
      agents: '127.0.0.1:3,10.0.0.1:4',
      listen: '[::]:8080',
      proxyAddress: '::1',
    });
    expect(plan.nodes.map(({ agent }) => endpointText(agent))).toEqual([
      '127.0.0.1:3',
      '10.0.0.1:4',
    ]);
    expect([plan.listen, plan.proxyAddress]).toEqual([{ host: '::', port: 8080 }, '::1']);
    expect(planOf({ nodes: '127.0.0.1:1', agents: '9' }).nodes[0]?.agent.port).toBe(9);
    expect(planOf({ nodes: '127.0.0.1:1,127.0.0.2:1' }).proxyAddress).toBe('127.0.0.1');
  });

  it('takes nodes with TLS, with what they are known by', () => {
    const wishes = {
      nodes: 'https://a:1,https://b:2',
      caFile: '/etc/ca.pem',
      nodeName: 'n.example',
    };
    const plan = planOf(wishes);
    expect(plan.tls).toEqual({ caFile: '/etc/ca.pem', name: 'n.example' });
    expect(nodesText(plan)).toBe(wishes.nodes);
    expect(plan.nodes.map((node) => nodeUrl(plan, node))).toEqual(['https://a:1', 'https://b:2']);
    expect(nodesText(planOf({ nodes: 'http://a:1,b:2' }))).toBe('a:1,b:2');
  });

  it.each([
    [{ nodes: 'https://a:1' }, 'Nodes with https:// are known by --ca FILE'],
    [{ nodes: 'https://a:1', caFile: '/a' }, 'Nodes with https:// are known by --ca FILE'],
    [{ nodes: 'https://a:1,b:1' }, '--nodes are all with https://, or all without.'],
    [{ nodes: 'a:1', nodeName: 'n' }, '--ca and --node-name are for nodes with https://.'],
    [
      { nodes: 'https://a:1', caFile: '/a b', nodeName: 'n' },
      '--ca takes a path without spaces and quotes.',
    ],
    [
      { nodes: 'https://a:1', caFile: '/a', nodeName: 'n;x' },
      '--node-name takes a name; "n;x" is not one.',
    ],
    [{ nodes: 'ftp://a:1' }, '"ftp://a:1" is not.'],
    [{ nodes: '' }, '--nodes takes HOST:PORT, an IPv6 host in brackets; "" is not.'],
    [{ nodes: 'a' }, '"a" is not.'],
    [{ nodes: 'a:1,' }, '"" is not.'],
    [{ nodes: 'a:0' }, '"a:0" is not.'],
    [{ nodes: 'a:65536' }, '"a:65536" is not.'],
    [{ nodes: '[1.2.3.4]:1' }, '"[1.2.3.4]:1" is not.'],
    [{ nodes: 'a b:1' }, '"a b:1" is not.'],
    [{ nodes: 'a;b:1' }, '"a;b:1" is not.'],
    [{ nodes: 'a:1\nadmin off' }, 'is not.'],
    [{ nodes: 'a:1,a:1' }, '--nodes names a node twice.'],
    [{ nodes: 'a:1', agents: 'b:1,c:1' }, '--agents names 2 for 1 nodes'],
    [{ nodes: 'a:1', agents: '70000' }, '--agents takes HOST:PORT'],
    [{ nodes: 'a:1', listen: '80' }, '--listen takes HOST:PORT'],
    [{ nodes: 'a:1', proxyAddress: 'me' }, '--proxy-address takes an IP address; "me" is not.'],
    [
      { nodes: Array.from({ length: 256 }, (_, port) => `a:${port + 1}`).join() },
      '--nodes takes up to 255 nodes.',
    ],
  ])('is refused of %j', (wishes, sentence) => {
    expect(() => planOf(wishes)).toThrow(sentence);
  });
});

describe('what configurations say of our routes', () => {
  it('marks jobs as nodes do', () => {
    expect([1, 16, 255].map((number) => jobMark({ number }))).toEqual(['01', '10', 'ff']);
  });

  it('has no character in a path that means something in a regular expression', () => {
    for (const path of closedPaths) expect(path).toMatch(/^[a-z0-9/]+$/);
    expect(alternatives(['/a', '/b'])).toBe('(/a|/b)');
  });
});
