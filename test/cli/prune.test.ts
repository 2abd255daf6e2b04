import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { midge, newFolder, openFakeNode } from './midge.ts';

const plan = { fromSeq: 1, toSeq: 900, messageCount: 900, estimatedBytes: 5_000 };

async function pruned(cutSeq: number): Promise<string> {
  const status = { cutSeq, folderBytes: 3 * 2 ** 20, job: { isDone: true } };
  await using node = await openFakeNode((request) =>
    request.startsWith('POST')
      ? { status: 202, body: { data: plan } }
      : { status: 200, body: { data: status } },
  );
  const tokenFile = join(newFolder(), 'token');
  writeFileSync(tokenFile, 'a-token');
  const own = ['--node', node.url, '--token-file', tokenFile];
  return (await midge(['prune', '--to', '900', ...own])).stdout;
}

describe('midge prune', () => {
  it('says what went, and what did not when somebody stopped it', async () => {
    expect(await pruned(900)).toBe(
      'Pruned 900 messages, numbers 1 to 900. The data folder has 3.0 MiB now.\n',
    );
    expect(await pruned(400)).toBe(
      'It was stopped: of 900 messages, numbers 1 to 900, those above 400 are left. The data folder has 3.0 MiB now.\n',
    );
  });
});
