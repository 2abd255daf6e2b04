// A real proxy as a child process, with the configuration that midge prints and a frame for each kind around it.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { aFolder } from './folder.ts';

export const proxyKinds = ['haproxy', 'nginx', 'nginx-lua', 'apache', 'caddy'] as const;
export type ProxyKind = (typeof proxyKinds)[number];

const programs: Readonly<Record<ProxyKind, readonly string[]>> = {
  haproxy: ['/usr/sbin/haproxy'],
  nginx: ['/usr/sbin/nginx'],
  'nginx-lua': ['/usr/sbin/nginx', '/usr/lib/nginx/modules/ngx_http_lua_module.so'],
  apache: ['/usr/sbin/apache2', '/usr/lib/apache2/modules/mod_lbmethod_heartbeat.so'],
  caddy: ['/usr/bin/caddy'],
};

/** As Debian and its relatives install them. */
export function isInstalled(kind: ProxyKind): boolean {
  return programs[kind].every((path) => existsSync(path));
}

/** Below those that systems give to outgoing connections: whoever starts here later finds it free still. */
const portRange = { from: 10_000, to: 32_000 };
const givenPorts = new Set<number>();

/** Listened on by nobody, and given to nobody else by this process. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const { from, to } = portRange;
    const port = from + Math.floor(Math.random() * (to - from));
    if (givenPorts.has(port) || !(await isFree(port, host))) continue;
    givenPorts.add(port);
    return port;
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer().listen(port, host);
  const listens = await new Promise<boolean>((resolve) => {
    server.once('listening', () => resolve(true)).once('error', () => resolve(false));
  });
  if (!listens) return false;
  server.close();
  await once(server, 'close');
  return true;
}

export interface ProxyWish {
  readonly kind: ProxyKind;
  /** `HOST:PORT` of each. */
  readonly nodes: readonly string[];
  readonly agents: readonly string[];
  readonly port: number;
  /** What a test does to the configuration. */
  readonly change?: (config: string) => string;
  /** Where the nodes have TLS, from these authorities and with this name. */
  readonly tls?: { readonly caFile: string; readonly name: string } | undefined;
}

export interface ProxyProcess extends AsyncDisposable {
  readonly url: string;
  /** What it wrote for people, for when a test fails. */
  readonly lines: string[];
  /** Of HAProxy: what its own statistics tell of `pool/server`. */
  statOf(server: string, column: string): Promise<string>;
}

/** Starts it and waits until it takes connections. */
export async function startProxy({
  kind,
  nodes,
  agents,
  port,
  tls,
  change = (same) => same,
}: ProxyWish): Promise<ProxyProcess> {
  const folder = await aFolder();
  const places = nodes.map((node) => (tls === undefined ? node : `https://${node}`));
  const known = tls === undefined ? [] : ['--ca', tls.caFile, '--node-name', tls.name];
  const words = ['--nodes', places.join(), '--agents', agents.join(), ...known];
  const config = execFileSync(
    process.execPath,
    ['bin/midge.js', 'proxy', kind, ...words, '--listen', `127.0.0.1:${port}`],
    { encoding: 'utf8' },
  );
  const [program = ''] = programs[kind];
  const child = spawn(program, await frames[kind](folder.path, change(config)), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder.path },
  });
  const lines = linesOf(child);
  const exited = once(child, 'exit');
  await listening(port, exited, lines);
  return {
    url: `http://127.0.0.1:${port}`,
    lines,
    statOf: async (server, column) =>
      statIn(await askStats(join(folder.path, 'stats')), server, column),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
      await folder[Symbol.asyncDispose]();
    },
  };
}

const isRoot = process.getuid?.() === 0;

type Frame = (folder: string, config: string) => Promise<string[]>;

const frames: Readonly<Record<ProxyKind, Frame>> = {
  haproxy: async (folder, config) => {
    await writeFile(join(folder, 'haproxy.cfg'), config);
    // Two threads are enough for a test, and the statistics tell what it believes.
    const more = `global\n  nbthread 2\n  stats socket ${join(folder, 'stats')} level operator\n`;
    await writeFile(join(folder, 'more.cfg'), more);
    return ['-db', '-f', join(folder, 'haproxy.cfg'), '-f', join(folder, 'more.cfg')];
  },
  nginx: (folder, config) => nginxFrame(folder, config, []),
  'nginx-lua': (folder, config) => nginxFrame(folder, config, ['ndk_http', 'ngx_http_lua']),
  apache: async (folder, config) => {
    const names =
      'mpm_event authz_core authz_host proxy proxy_http proxy_balancer proxy_hcheck slotmem_shm lbmethod_heartbeat lbmethod_bybusyness heartmonitor rewrite ssl';
    const main = [
      'ServerRoot /usr/lib/apache2',
      ...names.split(' ').map((name) => `LoadModule ${name}_module modules/mod_${name}.so`),
      `DefaultRuntimeDir ${folder}`,
      `PidFile ${folder}/pid`,
      `ErrorLog ${folder}/error.log`,
      'ServerName localhost',
      ...(isRoot ? ['User nobody', 'Group nogroup'] : []),
      config,
    ];
    await writeFile(join(folder, 'apache.conf'), main.join('\n'));
    return ['-DFOREGROUND', '-f', join(folder, 'apache.conf')];
  },
  caddy: async (folder, config) => {
    await writeFile(join(folder, 'Caddyfile'), `{\n  admin off\n}\n${config}`);
    return ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')];
  },
};

async function nginxFrame(
  folder: string,
  config: string,
  modules: readonly string[],
): Promise<string[]> {
  await mkdir(join(folder, 'temp'));
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/temp/${name};`,
  );
  const main = [
    ...modules.map((name) => `load_module /usr/lib/nginx/modules/${name}_module.so;`),
    ...(isRoot ? ['user root;'] : []),
    'daemon off;',
    'worker_processes 1;',
    `pid ${folder}/pid;`,
    'error_log stderr warn;',
    'events { worker_connections 1024; }',
    `http { access_log off; ${temps.join(' ')}\n${config}\n}`,
  ];
  await writeFile(join(folder, 'nginx.conf'), main.join('\n'));
  return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')];
}

function linesOf({ stdout, stderr }: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [stdout, stderr]) {
    stream?.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  }
  return lines;
}

/** Each refused connection is the event on which the next is tried. */
async function listening(
  port: number,
  exited: Promise<unknown>,
  lines: readonly string[],
): Promise<void> {
  let isGone = false;
  void exited.then(() => (isGone = true));
  for (;;) {
    if (isGone) throw new Error(`The proxy ended before it listened:\n${lines.join('')}`);
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
  }
}

async function askStats(path: string): Promise<string> {
  const socket = connect(path);
  socket.end('show stat\n');
  return text(socket);
}

function statIn(csv: string, server: string, column: string): string {
  const [head = [], ...rows] = csv.split('\n').map((line) => line.split(','));
  const row = rows.find(([pool, name]) => `${pool}/${name}` === server);
  return row?.[head.indexOf(column)] ?? '';
}
