// What the shipped node, which is a bundle, says of its own API.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { aFolder } from '../support/folder.ts';
import { NodeProcess } from '../support/node-process.ts';

it('the shipped node describes its API, for programs and for people', async () => {
  await using folder = await aFolder();
  await using node = await NodeProcess.start({ dataDir: folder.path });
  const document = await fetch(`${node.url}/api/midge/v1/openapi.json`);
  const stored: unknown = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
  expect([document.status, await document.json()]).toEqual([200, stored]);
  const page = await fetch(`${node.url}/api/midge/v1/docs`);
  expect([page.status, await page.text()]).toEqual([
    200,
    expect.stringContaining('/api/v1/messages/{messageId}'),
  ]);
});
