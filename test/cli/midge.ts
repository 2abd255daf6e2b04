// Runs command lines: in this process where that will do, else as users do, in one of their own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll } from 'vitest';
import { main } from '../../src/cli/main.ts';

export const cliPath = join(import.meta.dirname, '../../src/cli.ts');

interface Options {
  /** MIDGE_ variables; those of whoever runs the tests do not count. */
  readonly env?: Record<string, string>;
  /** A new empty folder unless given. */
  readonly cwd?: string;
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function midge(
  args: readonly string[],
  { env = {}, cwd = newFolder() }: Options = {},
): Promise<Result> {
  let [stdout, stderr] = ['', ''];
  const code = await main(args, {
    env,
    cwd,
    print: (lines) => {
      stdout += `${lines}\n`;
    },
    printError: (lines) => {
      stderr += `${lines}\n`;
    },
  });
  return { code, stdout, stderr };
}

export async function midgeProcess(
  args: readonly string[],
  { env = {}, cwd = newFolder(), input = '' }: Options & { input?: string | Uint8Array } = {},
): Promise<Result> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MIDGE_'));
  const child = spawn(process.execPath, [cliPath, ...args], {
    cwd,
    env: { ...Object.fromEntries(own), ...env },
  });
  // The child may end without reading it all.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  const outputs = [text(child.stdout), text(child.stderr)] as const;
  const [stdout, stderr] = await Promise.all(outputs);
  return { code: await closed, stdout, stderr };
}

const folders: string[] = [];

/** Empty, and gone after the tests of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'midge-cli-'));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export interface Answer {
  readonly status: number;
  /** Sent as JSON, a string as it is. */
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

export interface FakeNode extends AsyncDisposable {
  readonly url: string;
  /** `POST /path body`, in the order of arrival. */
  readonly requests: readonly string[];
}

type AnswerTo = (request: string, headers: IncomingHttpHeaders) => Answer;

export async function openFakeNode(answer: AnswerTo): Promise<FakeNode> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const line = `${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`.trimEnd();
      requests.push(line);
      const { status, headers, body } = answer(line, request.headers);
      response.writeHead(status, headers);
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
