/** Brings AI clients from the npm registry into a cache folder of one's own, outside the repository. */
import { access, chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../test/support/process.ts';

const INSTALL_MS = 300_000;
const REASON_LINES = 3;

/** Makes the folder, or accepts one that only this user can write to: programs are started from it. */
export async function prepareCache(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stat = await lstat(folder);
  const isOwn = process.getuid === undefined || stat.uid === process.getuid();
  if (!stat.isDirectory() || !isOwn) throw new Error(`${folder} is not a folder of this user: choose another --cache`);
  await chmod(folder, 0o700);
}

/** npm's code and first words about it; what follows is advice. */
function reasonOf(stderr: string): string {
  const errors = stderr.split('\n').filter((line) => line.startsWith('npm error '));
  return errors
    .slice(0, REASON_LINES)
    .map((line) => line.replace('npm error ', ''))
    .join('; ');
}

/** The path of the package's program; rejects with npm's last words when it cannot be installed. */
export async function install(cache: string, packageName: string, program: string): Promise<string> {
  const folder = join(cache, program);
  const path = join(folder, 'node_modules/.bin', program);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', packageName];
  const npm = await run('npm', args, { cwd: folder, timeoutMs: INSTALL_MS });
  if (npm.timedOut) throw new Error(`npm install took longer than ${INSTALL_MS / 1000} s`);
  if (npm.code !== 0) throw new Error(reasonOf(npm.stderr) || `npm ended with ${npm.code ?? 'a signal'}`);
  await access(path).catch(() => {
    throw new Error(`${packageName} brings no program ${program}`);
  });
  return path;
}
