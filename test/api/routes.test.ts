import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeApp } from '../../src/api/app.ts';
import { parseBind } from '../../src/api/bind.ts';
import { maxBodyBytes } from '../../src/api/body.ts';
import { addRoutes } from '../../src/api/routes.ts';
import { appParts, standIns } from './harness.ts';

const page = readFileSync('docs/api.md', 'utf8');

async function routes(): Promise<Set<string>> {
  const { signal: stopping } = new AbortController();
  const bind = await parseBind('127.0.0.1:0');
  const access = { grantOf: standIns.grantOf, publicScopes: [] };
  await using app = makeApp({ ...appParts, bind, stopping, access });
  const found = new Set<string>();
  app.addHook('onRoute', ({ url }) => {
    found.add(url);
  });
  addRoutes(app, { ...standIns, clientOf: appParts.clientOf, stopping });
  // What comes after our own routes is the preflight of CORS.
  return new Set(found);
}

describe('docs/api.md', () => {
  it('has every route, and none besides', async () => {
    const named = page.matchAll(
      /`(?:GET |POST |DELETE )?(\/health(?:\/pow)?|\/metrics|\/api\/(?:midge\/)?v1\/[^`?]+)[^`]*`/g,
    );
    expect(new Set([...named].map(([, path]) => path))).toEqual(await routes());
  });

  it('says how large a body may be', () => {
    expect(page.replaceAll(' ', '')).toContain(`${maxBodyBytes}bytes`);
  });
});
