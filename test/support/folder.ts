// Folders that go away with the test, and small filesystems that really run full.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Folder extends AsyncDisposable {
  readonly path: string;
}

export async function aFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'midge-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Undefined where mounting is not permitted. */
export function mountTmpfs(path: string, sizeMiB: number): Disposable | undefined {
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path];
    execFileSync('mount', options, { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', path]) };
}

export async function canMount(): Promise<boolean> {
  await using folder = await aFolder();
  using mounted = mountTmpfs(folder.path, 1);
  return mounted !== undefined;
}
