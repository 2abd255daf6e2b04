// Rendered pages are fresh, and no link inside the documents is dead.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderedPages } from '../scripts/docs.ts';

const rendered = await renderedPages();

describe('the documents', () => {
  it.each(Object.entries(rendered))('%s is what `npm run docs` renders', (path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('have no dead links', () => {
    const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'test/**/*.md']);
    const dead = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
        .map(([, target]) => join(dirname(page), target!))
        .filter((target) => !existsSync(target))
        .map((target) => `${page} -> ${target}`),
    );
    expect(dead).toEqual([]);
  });
});
