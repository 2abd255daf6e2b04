import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { agentLimits, openAgent } from '../../src/balance/agent.ts';
import type { Agent, AgentDeps } from '../../src/balance/agent.ts';
import type { Balance } from '../../src/balance/watch.ts';
import { systemClock } from '../../src/clock.ts';

const half: Balance = { spare: { api: 0.5, pow: 0.4 }, powRoom: 2, failing: [] };

function open(deps: Partial<AgentDeps> = {}): Promise<Agent> {
  return openAgent('127.0.0.1:0', { balance: () => half, clock: systemClock, ...deps });
}

async function connected({ port }: Agent): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function askAgent(agent: Agent, line: string): Promise<string> {
  const socket = await connected(agent);
  socket.write(line);
  return text(socket);
}

describe('the agent', () => {
  it.each([
    ['api\n', 'up ready 50%\n'],
    ['pow\n', 'up ready 40% maxconn:2\n'],
    ['pow\r\n', 'up ready 40% maxconn:2\n'],
    ['\n', 'up ready 50%\n'],
    ['what\n', '#send api or pow\n'],
    ['api\npow\n', 'up ready 50%\n'],
  ])('answers %j with %j and hangs up', async (line, answer) => {
    await using agent = await open();
    expect(await askAgent(agent, line)).toBe(answer);
  });

  it('takes a line in pieces, and the end of what was said for its end', async () => {
    await using agent = await open();
    const socket = await connected(agent);
    socket.write('p');
    socket.write('o');
    socket.end('w');
    expect(await text(socket)).toBe('up ready 40% maxconn:2\n');
  });

  it('counts its answers', async () => {
    const counted: string[] = [];
    await using agent = await open({ onAnswer: (pool) => counted.push(pool) });
    for (const line of ['api\n', 'pow\n', 'what\n']) await askAgent(agent, line);
    expect(counted).toEqual(['api', 'pow']);
  });

  it('hangs up on who says too much, and on who says nothing', async () => {
    await using agent = await open();
    expect(await askAgent(agent, 'x'.repeat(agentLimits.lineBytes + 1))).toBe('');
    const silent = await connected(agent);
    expect(await text(silent)).toBe('');
  });

  it('holds a bounded number of connections', async () => {
    await using agent = await open();
    const held = await Promise.all(
      Array.from({ length: agentLimits.connections }, () => connected(agent)),
    );
    const closed = Promise.all(held.map((socket) => once(socket, 'close')));
    const oneMore = connect(agent.port, '127.0.0.1');
    oneMore.on('error', () => undefined);
    expect(await text(oneMore).catch(() => '')).toBe('');
    for (const socket of held) socket.resume();
    // The silent ones are hung up on, and there is room again.
    await closed;
    expect(await askAgent(agent, 'api\n')).toBe('up ready 50%\n');
  });

  it('says drain to all who ask before it stops listening', async () => {
    const agent = await open();
    expect(await askAgent(agent, 'api\n')).toBe('up ready 50%\n');
    const closed = agent[Symbol.asyncDispose]();
    expect(await askAgent(agent, 'api\n')).toBe('drain\n');
    await closed;
    const refused = connect(agent.port, '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('says which setting names an address that is taken, or is none', async () => {
    await using agent = await open();
    const taken = openAgent(`127.0.0.1:${agent.port}`, { balance: () => half, clock: systemClock });
    await expect(taken).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `127.0.0.1:${agent.port} is taken; stop what listens there or choose another api.agentBind.`,
    });
    const foreign = openAgent('192.0.2.1:0', { balance: () => half, clock: systemClock });
    await expect(foreign).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'api.agentBind 192.0.2.1:0 cannot be listened on: no interface of this machine has that address.',
    });
  });
});
