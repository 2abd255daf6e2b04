import { describe, expect, it } from 'vitest';
import { MemoryJudge } from '../src/memory.ts';

const MiB = 1024 * 1024;
const look = (rssMiB: number, busyShare = 0) => ({ rssBytes: rssMiB * MiB, busyShare });

describe('memory', () => {
  it('is given back when much more is taken than in calm times, and the node is idle', () => {
    const judge = new MemoryJudge(150 * MiB);
    expect(judge.isWorthIt(look(180))).toBe(false);
    expect(judge.isWorthIt(look(300, 0.9))).toBe(false);
    expect(judge.isWorthIt(look(300))).toBe(true);
  });

  it('that is in use afterwards counts as calm, and there is a minute between two times', () => {
    const judge = new MemoryJudge(150 * MiB);
    expect(judge.isWorthIt(look(300))).toBe(true);
    judge.gaveBack(260 * MiB);
    expect(judge.isWorthIt(look(290))).toBe(false);
    const looks = Array.from({ length: 13 }, () => judge.isWorthIt(look(400)));
    expect(looks.indexOf(true)).toBe(10);
  });

  it('that only the start needed is not calm', () => {
    const judge = new MemoryJudge(300 * MiB);
    expect(judge.isWorthIt(look(150))).toBe(false);
    expect(judge.isWorthIt(look(210))).toBe(true);
  });
});
