import { describe, expect, it } from 'vitest';
import { Cursors } from '../../src/gossip/cursors.ts';

const ownLog = { logId: 'own', lastSeq: 100 };
const cursor = { logId: 'theirs', nextSeq: 42 };

function aFile(text?: string) {
  const file = {
    text,
    read: () => Promise.resolve(file.text),
    replace: (newText: string) => {
      file.text = newText;
      return Promise.resolve();
    },
  };
  return file;
}

async function aSavedFile() {
  const file = aFile();
  const cursors = await Cursors.open(file, ownLog);
  cursors.set('peer', cursor);
  await cursors.save();
  return file;
}

describe('cursors', () => {
  it('survive a restart', async () => {
    const file = await aSavedFile();
    const cursors = await Cursors.open(file, { ...ownLog, lastSeq: 200 });
    expect(cursors.get('peer')).toEqual(cursor);
    expect(cursors.get('stranger')).toBeUndefined();
  });

  it('are worth nothing when our own log lost its tail since, or is another one', async () => {
    const file = await aSavedFile();
    for (const log of [
      { logId: 'own', lastSeq: 99 },
      { logId: 'new', lastSeq: 100 },
    ]) {
      expect((await Cursors.open(file, log)).get('peer')).toBeUndefined();
    }
  });

  it('start empty when the file is damaged', async () => {
    for (const text of [
      '',
      '{',
      '[]',
      '{"own":{"logId":"own","lastSeq":1},"cursors":[["peer"]]}',
    ]) {
      expect((await Cursors.open(aFile(text), ownLog)).get('peer')).toBeUndefined();
    }
  });

  it('are bounded', async () => {
    const cursors = await Cursors.open(aFile(), ownLog);
    for (let peer = 0; peer <= 256; peer++) cursors.set(`peer ${peer}`, cursor);
    expect(cursors.get('peer 0')).toBeUndefined();
    expect(cursors.get('peer 1')).toEqual(cursor);
  });
});
