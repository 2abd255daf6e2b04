import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/config/nearest.ts';

describe('the nearest name', () => {
  const names = ['attach', 'read', 'config', 'db reindex'];

  it.each([
    ['atach', 'attach'],
    ['attahc', 'attach'],
    ['READ', 'read'],
    ['reaad', 'read'],
    ['conf', 'config'],
    ['reindex', 'db reindex'],
    ['db-reindex', 'db reindex'],
  ])('of %s is %s', (name, meant) => {
    expect(nearest(name, names)).toBe(meant);
  });

  it.each(['zebra', '', 'x', 'attachattachattach', '--'])('of %j is none', (name) => {
    expect(nearest(name, names)).toBeUndefined();
  });

  it('prefers the one that is nearer', () => {
    expect(nearest('api.bindd', ['api.bine', 'api.bind'])).toBe('api.bind');
  });
});
