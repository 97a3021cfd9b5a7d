/** A hidden file that is replaced, or made, in a folder in sight. */
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInside } from '@sallyport/host/sandbox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchHidden } from './exposure.ts';

let folder = '';
let ends: (() => void)[] = [];
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-exposure-')));
  ends = [];
  await mkdir(at('seen/below'), { recursive: true });
  await mkdir(at('elsewhere'));
});
afterEach(async () => {
  for (const end of ends) end();
  await rm(folder, { recursive: true, force: true });
});

/** What is exposed, once it is. */
async function watched(hidden: readonly string[]): Promise<{ readonly exposed: Promise<string> }> {
  const { promise, reject, resolve } = Promise.withResolvers<string>();
  const paths = hidden.map(at);
  const end = await watchHidden({ hidden: paths, seen: [at('seen')], isInside, exposed: resolve, failed: reject });
  ends.push(end as () => void);
  return { exposed: promise };
}

async function exposedBy(hidden: string, act: () => Promise<unknown>): Promise<string> {
  const { exposed } = await watched([hidden]);
  await act();
  return (await exposed).slice(folder.length + 1);
}

const replace = async (name: string): Promise<void> => {
  await writeFile(at('elsewhere/new'), 'secret');
  await rename(at('elsewhere/new'), at(name));
};

describe('a hidden file', () => {
  it('SBX-05 is noticed when another is put in its place, as editors do', async () => {
    await writeFile(at('seen/sallyport.yaml'), 'secret');
    expect(await exposedBy('seen/sallyport.yaml', () => replace('seen/sallyport.yaml'))).toBe('seen/sallyport.yaml');
  });

  it('SBX-05 is noticed when it comes only now', async () => {
    expect(await exposedBy('seen/sallyport.lock', () => replace('seen/sallyport.lock'))).toBe('seen/sallyport.lock');
  });

  it('SBX-05 is noticed with another folder that it is in, and under the name of a link to it', async () => {
    await writeFile(at('seen/below/.env'), 'secret');
    expect(
      await exposedBy('seen/below/.env', async () => {
        await rename(at('seen/below'), at('elsewhere/old'));
        await mkdir(at('seen/below'));
        await replace('seen/below/.env');
      }),
    ).toMatch(/^seen\/below/);
    await writeFile(at('elsewhere/real'), 'secret');
    await symlink(at('elsewhere/real'), at('seen/link'));
    expect(await exposedBy('seen/link', () => replace('seen/link'))).toBe('seen/link');
  });

  it('is no matter while it is the same, or nowhere in sight', async () => {
    await writeFile(at('seen/sallyport.yaml'), 'secret');
    const exposed: string[] = [];
    const end = await watchHidden({
      hidden: [at('seen/sallyport.yaml'), at('seen/later')],
      seen: [at('seen')],
      isInside,
      exposed: (path) => exposed.push(path),
      failed: (error) => exposed.push(String(error)),
    });
    ends.push(end ?? (() => undefined));
    await writeFile(at('seen/sallyport.yaml'), 'another secret');
    await writeFile(at('seen/mine'), 'x');
    // What comes after all of that is noticed, and nothing before it was.
    const last = await watched(['seen/last']);
    await replace('seen/last');
    await last.exposed;
    expect(exposed).toEqual([]);
    const options = { seen: [at('seen')], isInside, exposed: () => undefined, failed: () => undefined };
    expect(await watchHidden({ hidden: [at('elsewhere/x')], ...options })).toBeUndefined();
  });
});
