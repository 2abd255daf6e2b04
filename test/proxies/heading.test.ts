// What holds of every configuration; that they do what they say is shown with the real proxies in test/e2e.
import { describe, expect, it } from 'vitest';
import { apacheConfig } from '../../src/proxies/apache.ts';
import { caddyConfig } from '../../src/proxies/caddy.ts';
import { haproxyConfig } from '../../src/proxies/haproxy.ts';
import { nginxLuaConfig } from '../../src/proxies/nginx-lua.ts';
import { nginxConfig } from '../../src/proxies/nginx.ts';
import { closedPaths, planOf } from '../../src/proxies/plan.ts';

const plan = planOf({ nodes: '127.0.0.1:1001,127.0.0.2:1002', listen: '127.0.0.1:8080' });
const named = planOf({ nodes: 'a.example:1,b.example:1' });

describe.each(
  Object.entries({ haproxyConfig, nginxConfig, nginxLuaConfig, apacheConfig, caddyConfig }),
)('%s', (_name, make) => {
  const text = make(plan);

  it('says first what each node is started with', () => {
    for (const node of ['127.0.0.1:1001', '127.0.0.2:1002']) {
      expect(text).toContain(`#   ${node}  --api.trusted-proxies 127.0.0.1 --api.node-number `);
    }
  });

  it('names every node, every closed path, and the marks of jobs', () => {
    for (const path of closedPaths) expect(text).toContain(path);
    expect(text).toMatch(/attach\/0?\(?01/);
    expect(text).toContain('127.0.0.2:1002');
    expect(text).not.toContain('undefined');
  });
});

describe('names of nodes', () => {
  it.each([
    ['apache', apacheConfig],
    ['nginx-lua', nginxLuaConfig],
  ])('are refused for %s, which connects to addresses', (proxy, make) => {
    expect(() => make(named)).toThrow(
      `For ${proxy} nodes and agents are IP addresses, which a.example is not.`,
    );
  });

  it('are fine for the others', () => {
    for (const make of [haproxyConfig, nginxConfig, caddyConfig]) {
      expect(make(named)).toContain('b.example:1');
    }
  });
});
