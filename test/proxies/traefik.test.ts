import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/proxies/plan.ts';
import { traefikConfig, traefikDynamic } from '../../src/proxies/traefik.ts';

const plan = planOf({ nodes: '127.0.0.1:1001,127.0.0.2:1002', listen: '127.0.0.1:8080' });

describe('Traefik', () => {
  it('is told where the weights are', () => {
    const text = traefikConfig(plan, { host: '127.0.0.1', port: 14_267 });
    expect(text).toContain('endpoint: "http://127.0.0.1:14267/"');
    expect(text).toContain('--nodes 127.0.0.1:1001,127.0.0.2:1002 --agents');
    expect(text).toContain('never run against Traefik');
  });

  it.each([
    ['as the agents say', [75, 20], [75, 20]],
    ['without a node that drains', [0, 20], [undefined, 20]],
    ['as equals when nobody is to be asked', [0, 0], [1, 1]],
  ])('gets the nodes %s', (_what, api, expected) => {
    const { http } = traefikDynamic(plan, { api, pow: [1, 1] });
    const servers = http.services['midge-api']?.loadBalancer.servers ?? [];
    const weightOf = (url: string) => servers.find((server) => server.url === url)?.weight;
    expect([weightOf('http://127.0.0.1:1001'), weightOf('http://127.0.0.2:1002')]).toEqual(
      expected,
    );
  });

  it('speaks TLS to nodes with https, and its helper is told the same', () => {
    const secure = planOf({
      nodes: 'https://127.0.0.1:1001,https://127.0.0.2:1002',
      caFile: '/etc/ca.pem',
      nodeName: 'node.example',
    });
    const { http } = traefikDynamic(secure, { api: [1, 1], pow: [1, 1] });
    expect(http.serversTransports).toEqual({
      'midge-nodes': { serverName: 'node.example', rootCAs: ['/etc/ca.pem'] },
    });
    for (const { loadBalancer } of Object.values(http.services)) {
      expect(loadBalancer.serversTransport).toBe('midge-nodes');
      for (const { url } of loadBalancer.servers) expect(url).toMatch(/^https:/);
    }
    const words =
      '--nodes https://127.0.0.1:1001,https://127.0.0.2:1002 --agents 127.0.0.1:14266,127.0.0.2:14266 --ca /etc/ca.pem --node-name node.example';
    expect(traefikConfig(secure, { host: '127.0.0.1', port: 1 })).toContain(words);
  });

  it('has a router for attaches, for each node its jobs and its keys, and one that is shut', () => {
    const { routers, services } = traefikDynamic(plan, { api: [1, 1], pow: [1, 1] }).http;
    expect(Object.keys(routers).toSorted()).toEqual([
      'midge-attach',
      'midge-closed',
      'midge-jobs-1',
      'midge-jobs-2',
      'midge-keyed-1',
      'midge-keyed-2',
      'midge-rest',
    ]);
    for (const { service } of Object.values(routers)) expect(services).toHaveProperty([service]);
    expect(routers['midge-closed']?.middlewares).toEqual(['midge-nobody']);
    expect(routers['midge-jobs-2']?.rule).toBe('PathPrefix(`/api/midge/v1/attach/02`)');
  });
});
