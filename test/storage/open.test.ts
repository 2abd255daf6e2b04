import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TangleError } from '../../src/errors.ts';
import { networkIdOf } from '../../src/protocol/ids.ts';
import { reopenNeedBytes } from '../../src/storage/database.ts';
import { encodeNumber, logStateKey } from '../../src/storage/layout.ts';
import { aFolder } from '../support/folder.ts';
import {
  FaultyDatabases,
  Grower,
  ioError,
  noSpace,
  aRecord,
  openTestStore,
  withDatabase,
  writeAheadFiles,
} from './support.ts';

/** The error that opening ends with. */
async function refusal(opening: Promise<AsyncDisposable>): Promise<TangleError> {
  try {
    await using _ = await opening;
  } catch (error) {
    return error as TangleError;
  }
  throw new Error('it was opened');
}

describe('openStore', () => {
  it('makes a folder, and knows it again', async () => {
    await using folder = await aFolder();
    const dataDir = join(folder.path, 'deep', 'down');
    let logId: string;
    {
      await using store = await openTestStore(dataDir);
      expect(store).toMatchObject({ isNew: true, lastSeq: 0, cutSeq: 0, messageCount: 0 });
      expect(store.logId).toMatch(/^[0-9a-f]{32}$/);
      logId = store.logId;
    }
    await using store = await openTestStore(dataDir);
    expect(store).toMatchObject({ isNew: false, logId });
  });

  it('says which process has the folder, and leaves no trace of its own when it closes', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      expect(await readFile(join(folder.path, 'midge.pid'), 'utf8')).toBe(`${process.pid}\n`);
      const { code, message } = await refusal(openTestStore(folder.path));
      expect(code).toBe('STORE_LOCKED');
      expect(message).toContain(`in use by process ${process.pid}.`);
      expect(existsSync(join(folder.path, 'midge.pid'))).toBe(true);
      await store.append([aRecord()]);
    }
    expect(existsSync(join(folder.path, 'midge.pid'))).toBe(false);
    await writeFile(join(folder.path, 'midge.pid'), '1\n');
    await using store = await openTestStore(folder.path);
    expect(store.lastSeq).toBe(1);
  });

  it('refuses the folder of another network and names both', async () => {
    await using folder = await aFolder();
    await (await openTestStore(folder.path))[Symbol.asyncDispose]();
    const other = { name: 'other-net', id: networkIdOf('other-net') };
    const { code, message } = await refusal(openTestStore(folder.path, { network: other }));
    expect(code).toBe('STORE_NETWORK_MISMATCH');
    expect(message).toContain('"store-test"');
    expect(message).toContain('"other-net"');
    expect(existsSync(join(folder.path, 'midge.pid'))).toBe(false);
  });

  it('refuses the folder of a newer version', async () => {
    await using folder = await aFolder();
    await (await openTestStore(folder.path))[Symbol.asyncDispose]();
    await withDatabase(join(folder.path, 'log'), (db) =>
      db.put(logStateKey('layout'), encodeNumber(2)),
    );
    const { code, message } = await refusal(openTestStore(folder.path));
    expect(code).toBe('STORE_LAYOUT_NEWER');
    expect(message).toContain('layout 2, this one knows 1');
  });

  it('refuses a log that does not know what it is', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append([aRecord()]);
    }
    await withDatabase(join(folder.path, 'log'), (db) => db.del(logStateKey('layout')));
    const { code, message } = await refusal(openTestStore(folder.path));
    expect(code).toBe('STORE_DAMAGED');
    expect(message).toContain('midge db repair');
  });

  it('says why LevelDB cannot open the log', async () => {
    await using folder = await aFolder();
    {
      await using store = await openTestStore(folder.path);
      await store.append(new Grower().many(3));
    }
    await writeFile(join(folder.path, 'log', 'CURRENT'), 'nonsense');
    const { code, message } = await refusal(openTestStore(folder.path));
    expect(code).toBe('STORE_DAMAGED');
    expect(message).toContain('CURRENT');
    expect(message).toContain('midge db repair');
    expect(existsSync(join(folder.path, 'midge.pid'))).toBe(false);
  });

  it('says that the path is no folder', async () => {
    await using folder = await aFolder();
    const dataDir = join(folder.path, 'file');
    await writeFile(dataDir, '');
    const { code, message } = await refusal(openTestStore(dataDir));
    expect(code).toBe('STORE_OPEN_FAILED');
    expect(message).toContain('EEXIST');
  });

  it.skipIf(process.platform !== 'linux')(
    'gives up where no folder can be made, also where Node itself would go on for ever',
    async () => {
      const { code, message } = await refusal(openTestStore('/proc/no/such/folder'));
      expect(code).toBe('STORE_OPEN_FAILED');
      expect(message).toContain('ENOENT');
    },
  );

  it('leaves no note in a folder that another process has open', async () => {
    await using folder = await aFolder();
    await using store = await openTestStore(folder.path, { durability: 'process-crash' });
    await store.append(new Grower().many(200));
    const [path] = await writeAheadFiles(join(folder.path, 'log'));
    await writeFile(path!, (await readFile(path!)).fill(0, 1_000, 2_000));
    expect((await refusal(openTestStore(folder.path))).code).toBe('STORE_LOCKED');
    expect(existsSync(join(folder.path, 'unchecked'))).toBe(false);
  });

  it('says that a disk cannot be written', async () => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    databases.failNext({ which: 'log', kind: 'torn', message: ioError });
    const { code, message } = await refusal(
      openTestStore(folder.path, { openDatabase: databases.open }),
    );
    expect(code).toBe('STORE_OPEN_FAILED');
    expect(message).toContain(ioError);
  });

  it('says that the disk is full', async () => {
    await using folder = await aFolder();
    const databases = new FaultyDatabases();
    databases.failOpenings(new Error(noSpace));
    const { code, message } = await refusal(
      openTestStore(folder.path, { openDatabase: databases.open }),
    );
    expect(code).toBe('DISK_FULL');
    expect(message).toContain(`Free ${reopenNeedBytes / 2 ** 20} MiB or more`);
  });
});
