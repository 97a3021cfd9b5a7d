/** A home folder that is empty at first and gone afterwards, with the environment that points programs at it. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export interface TemporaryHome extends AsyncDisposable {
  /** Absolute path, without symbolic links. */
  readonly path: string;
  /** PATH, HOME, TMPDIR and a plain locale; nothing else of the caller's environment. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

export async function temporaryHome(): Promise<TemporaryHome> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-home-')));
  const temporary = join(path, 'tmp');
  await mkdir(temporary);
  const thoroughly = { recursive: true, force: true, maxRetries: 5 };
  const removeAtExit = (): void => rmSync(path, thoroughly);
  process.once('exit', removeAtExit);
  const remove = async (): Promise<void> => {
    await rm(path, thoroughly);
    process.off('exit', removeAtExit);
  };
  return {
    path,
    env: {
      // The Node that runs this is first, so that `node` means the same everywhere below.
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      HOME: path,
      TMPDIR: temporary,
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
    },
    remove,
    [Symbol.asyncDispose]: remove,
  };
}
