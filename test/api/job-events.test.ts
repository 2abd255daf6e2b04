import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Attachment } from '../../src/api/attachment.ts';
import type { RunAttach } from '../../src/api/attachment.ts';
import { JobEvents } from '../../src/api/job-events.ts';
import type { MineProgress } from '../../src/tangle/attach.ts';

type Call = Parameters<RunAttach>[0];

function anAttach() {
  const end = Promise.withResolvers<string>();
  let call: Call | undefined;
  const attachment = new Attachment((given) => {
    call = given;
    return end.promise;
  });
  return { attachment, end, tell: (hashes: number) => call?.onProgress?.(progressOf(hashes)) };
}

const progressOf = (hashes: number): MineProgress => ({
  state: 'mining',
  position: 0,
  hashes,
  expectedHashes: 100,
  hashesPerSecond: 10,
  expectedMs: 10_000,
});

const fast = { progressMs: 1, silenceMs: 60_000 };
const render = (state: object): object => state;

describe('the events of a job', () => {
  it('are its progress, and then its result', async () => {
    const { attachment, end, tell } = anAttach();
    const events = new JobEvents(attachment, render, fast).setEncoding('utf8');
    const seen: string[] = [];
    events.on('data', (event: string) => seen.push(event));
    await once(events, 'data');
    tell(50);
    await once(events, 'data');
    end.resolve('id');
    await once(events, 'close');
    expect(seen).toEqual([
      'event: progress\ndata: {"name":"queued"}\n\n',
      `event: progress\ndata: {"name":"mining","progress":${JSON.stringify(progressOf(50))}}\n\n`,
      'event: done\ndata: {"name":"done","messageId":"id"}\n\n',
    ]);
  });

  it('of one that ended before are its result alone', async () => {
    const { attachment, end } = anAttach();
    end.resolve('id');
    await attachment.ended;
    expect(await text(new JobEvents(attachment, render))).toBe(
      'event: done\ndata: {"name":"done","messageId":"id"}\n\n',
    );
  });

  it('are broken by comments while nothing happens', async () => {
    const { attachment, end } = anAttach();
    const events = new JobEvents(attachment, render, { progressMs: 1, silenceMs: 1 });
    events.setEncoding('utf8');
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(String(event));
      if (seen.length === 3) end.resolve('id');
    }
    expect(seen.slice(1, 3)).toEqual([': waiting\n\n', ': waiting\n\n']);
    expect(seen.at(-1)).toMatch(/^event: done/);
  });

  it('do not wait in memory for a listener who does not read', async () => {
    const { attachment, end, tell } = anAttach();
    const events = new JobEvents(attachment, render, { progressMs: 1, silenceMs: 1 });
    await once(events, 'readable');
    const waitingBytes = events.readableLength;
    for (let hashes = 0; hashes < 1000; hashes++) tell(hashes);
    end.resolve('id');
    await attachment.ended;
    await new Promise(setImmediate);
    expect(events.readableLength).toBe(waitingBytes);
    expect(await text(events)).toMatch(/^event: progress[^]+?\n\nevent: done[^\n]*\n[^\n]*\n\n$/);
  });

  it('end with the listener, and let go of the job', async () => {
    const { attachment, tell } = anAttach();
    const events = new JobEvents(attachment, render, fast);
    await once(events, 'readable');
    events.destroy();
    await once(events, 'close');
    tell(1);
    expect(events.readableLength).toBeLessThan(100);
    expect(attachment.isAbandoned).toBe(false);
  });
});
