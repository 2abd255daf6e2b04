import { describe, expect, it } from 'vitest';
import { Attachment } from '../../src/api/attachment.ts';
import { Jobs, jobLimits } from '../../src/api/jobs.ts';
import { HandClock } from '../support/clock.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const running = (): Attachment => new Attachment(() => Promise.withResolvers<string>().promise);

async function ended(): Promise<Attachment> {
  const attachment = new Attachment(() => Promise.resolve('id'));
  await attachment.ended;
  return attachment;
}

const wish = (client: string, attachment: Attachment) => ({ client, attachment, requestId: 'r' });

const idOn = (nodeNumber: number): string =>
  new Jobs(new HandClock(), nodeNumber).jobOf(wish('a', running())).id;

describe('a job', () => {
  it('has an id that cannot be guessed, and is one for one attach', () => {
    const jobs = new Jobs(new HandClock());
    const attachment = running();
    const job = jobs.jobOf(wish('a', attachment));
    expect(job.id).toMatch(/^[0-9a-f]{32}$/);
    expect(jobs.jobOf(wish('a', attachment))).toBe(job);
    expect(jobs.jobOf(wish('a', running())).id).not.toBe(job.id);
    expect(jobs.get(job.id)).toBe(job);
  });

  it('has an id that begins with the number of the node', () => {
    expect(idOn(0)).toMatch(/^00[0-9a-f]{30}$/);
    expect(idOn(7)).toMatch(/^07[0-9a-f]{30}$/);
    expect(idOn(255)).toMatch(/^ff[0-9a-f]{30}$/);
  });

  it('keeps its attach going until it is cancelled', () => {
    const jobs = new Jobs(new HandClock());
    const attachment = running();
    const other = new AbortController();
    attachment.want(other.signal);
    const { id } = jobs.jobOf(wish('a', attachment));
    other.abort();
    expect(attachment.isAbandoned).toBe(false);
    jobs.cancel(id);
    expect(attachment.isAbandoned).toBe(true);
    expect(() => jobs.get(id)).toThrow(code('JOB_NOT_FOUND'));
    expect(() => jobs.cancel(id)).toThrow(code('JOB_NOT_FOUND'));
  });

  it('is kept while it runs, and some minutes after it ended', async () => {
    const clock = new HandClock();
    const jobs = new Jobs(clock);
    const over = await ended();
    const [first, second] = [jobs.jobOf(wish('a', running())), jobs.jobOf(wish('a', over))];
    await over.ended;
    clock.advance(jobLimits.keepMs - 1);
    expect(jobs.get(second.id)).toBe(second);
    clock.advance(1);
    expect(() => jobs.get(second.id)).toThrow(code('JOB_NOT_FOUND'));
    expect(jobs.get(first.id)).toBe(first);
  });
});

describe('jobs that are too many', () => {
  it('are refused to a client whose jobs all run, not to others', () => {
    const jobs = new Jobs(new HandClock());
    for (let count = 0; count < jobLimits.jobsOfOneClient; count++) {
      jobs.jobOf(wish('greedy', running()));
    }
    expect(() => jobs.jobOf(wish('greedy', running()))).toThrow(code('POW_QUOTA'));
    expect(jobs.jobOf(wish('other', running())).id).toBeDefined();
  });

  it('push out those of the client that ended first', async () => {
    const jobs = new Jobs(new HandClock());
    const over = await ended();
    const first = jobs.jobOf(wish('greedy', over));
    for (let count = 0; count < jobLimits.jobsOfOneClient; count++) {
      jobs.jobOf(wish('greedy', running()));
    }
    expect(() => jobs.get(first.id)).toThrow(code('JOB_NOT_FOUND'));
  });

  it('are refused to everyone when the jobs of all run', () => {
    const jobs = new Jobs(new HandClock());
    for (let count = 0; count < jobLimits.jobs; count++) {
      jobs.jobOf(wish(`client ${count % 100}`, running()));
    }
    expect(() => jobs.jobOf(wish('one more', running()))).toThrow(code('POW_BUSY'));
  });
});
