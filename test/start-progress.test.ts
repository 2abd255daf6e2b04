import { expect, it } from 'vitest';
import { pino } from 'pino';
import { StartProgress } from '../src/start-progress.ts';
import { HandClock } from './support/clock.ts';

it('a long start is told in the log every five seconds, and at once to whoever asks', () => {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const clock = new HandClock();
  const start = new StartProgress({ clock, log });
  expect(start.sentence).toBe('The node opens its store.');
  for (let done = 1; done <= 12; done++) {
    clock.advance(1_000);
    start.indexing(done, 12);
    expect(start.sentence).toBe(`The node makes its index: ${done} of 12 messages are in it.`);
  }
  expect(lines.map((line) => (JSON.parse(line) as { done: number }).done)).toEqual([5, 10]);
});
