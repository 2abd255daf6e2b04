import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { midge } from './midge.ts';

const nodes = ['--nodes', '127.0.0.1:1001,127.0.0.2:1002'];

describe.concurrent('midge proxy', () => {
  it.each([
    ['haproxy', 'backend midge_pow'],
    ['nginx', 'upstream midge_pow'],
    ['nginx-lua', 'balancer_by_lua_block'],
    ['apache', 'balancer://midge-pow'],
    ['traefik', 'providers:'],
    ['caddy', 'reverse_proxy http://127.0.0.1:1001 http://127.0.0.2:1002'],
  ])('prints a configuration of %s', async (kind, part) => {
    const { code, stdout, stderr } = await midge(['proxy', kind, ...nodes]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(part);
    expect(stdout).toContain('--api.node-number 2');
  });

  it('speaks TLS to nodes with https, whom it knows by a name and their authorities', async () => {
    const places = ['--nodes', 'https://127.0.0.1:1001,https://127.0.0.2:1002'];
    const known = ['--ca', 'some/ca.pem', '--node-name', 'node.example'];
    const { code, stdout } = await midge(['proxy', 'caddy', ...places, ...known]);
    expect(code).toBe(0);
    expect(stdout).toContain('reverse_proxy https://127.0.0.1:1001 https://127.0.0.2:1002');
    expect(stdout).toContain(`tls_trusted_ca_certs ${resolve('some/ca.pem')}`);
    expect(stdout).toContain('tls_server_name node.example');
  });

  it.each([
    [['haproxi', ...nodes], 'There is no configuration for "haproxi"; did you mean haproxy?'],
    [
      ['squid', ...nodes],
      'There is no configuration for "squid"; there are haproxy, nginx, nginx-lua, apache, traefik, caddy.',
    ],
    [['caddy'], '--nodes is missing: HOST:PORT of each node, with commas.'],
    [['caddy', '--nodes', 'x'], '--nodes takes HOST:PORT, an IPv6 host in brackets; "x" is not.'],
    [['caddy', ...nodes, '--serve', '127.0.0.1:1'], '--serve is for traefik only.'],
    [['traefik', ...nodes, '--serve', '1'], '--serve takes HOST:PORT'],
    [[...nodes], 'The command is "midge proxy <haproxy|nginx|nginx-lua|apache|traefik|caddy>"'],
  ])('with %j is refused with a sentence', async (words, sentence) => {
    const { code, stdout, stderr } = await midge(['proxy', ...words]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`midge: ${sentence}`);
  });
});
