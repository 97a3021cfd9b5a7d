import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveInside } from './path-guard.ts';

let base: string;
let root: string;

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-guard-')));
  root = join(base, 'ws');
  await mkdir(join(root, 'a', 'b'), { recursive: true });
  await mkdir(join(base, 'ws-evil'));
  await writeFile(join(base, 'ws-evil', 'secret'), '');
  await writeFile(join(base, 'secret'), '');
  await writeFile(join(root, 'a', 'file'), '');
  const links = {
    in: 'a/b',
    'to-file': 'a/file',
    out: '..',
    'out-file': '../secret',
    'absolute-out': base,
    'absolute-in': join(root, 'a'),
    sibling: '../ws-evil',
    chain: 'out',
    'dangling-in': 'nothing',
    'dangling-out': '../nothing',
    loop: 'loop',
    'a/up': '..',
    'a/b/up-out': '../../..',
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(root, name));
});

afterAll(async () => await rm(base, { recursive: true }));

describe('resolveInside', () => {
  it.each([
    ['', ''],
    ['.', ''],
    ['a/file', 'a/file'],
    ['./a//b/', 'a/b'],
    ['in', 'a/b'],
    ['in/new/file', 'a/b/new/file'],
    ['to-file', 'a/file'],
    ['absolute-in/file', 'a/file'],
    ['a/up/a', 'a'],
    ['in/../file', 'a/file'],
    ['a/..', ''],
    ['new', 'new'],
    ['..hidden', '..hidden'],
    ['a/...', 'a/...'],
  ])('%j is %j in the root', async (requested, expected) => {
    expect(await resolveInside(root, requested)).toBe(join(root, expected));
  });

  it.each([
    '..',
    '../ws-evil/secret',
    '../ws',
    'a/../../secret',
    'in/../../..',
    'out',
    'out/secret',
    'out/ws/a',
    'out-file',
    'absolute-out/secret',
    'sibling/secret',
    'chain/secret',
    'dangling-in',
    'dangling-in/x',
    'dangling-out',
    'loop',
    'loop/x',
    'a/up/../secret',
    'a/b/up-out/secret',
    'new/../../secret',
    'new/..',
    'a/file/x',
    'a\0b',
    '\0',
    '/etc/passwd',
    '/',
    'x'.repeat(5000),
  ])('%j is refused', async (requested) => {
    await expect(resolveInside(root, requested)).rejects.toMatchObject({ code: 'outside_root' });
  });

  it('refuses absolute paths, even into the root or a sibling with its prefix', async () => {
    for (const requested of [root, join(root, 'a'), `${root}-evil/secret`]) {
      await expect(resolveInside(root, requested)).rejects.toMatchObject({ code: 'outside_root' });
    }
  });

  it('takes a root that is itself behind a link', async () => {
    await symlink('ws', join(base, 'link-to-ws'));
    expect(await resolveInside(join(base, 'link-to-ws'), 'a/file')).toBe(join(root, 'a', 'file'));
  });

  it('never leads outside, and never fails in another way', async () => {
    const names =
      '.. . a b file in out out-file absolute-out absolute-in sibling chain dangling-in dangling-out loop up up-out ws ws-evil secret new … \0'
        .split(' ')
        .concat('', ' ');
    const segment = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...names) }, fc.string({ maxLength: 6 }));
    const requests = fc.array(segment, { maxLength: 8 }).map((segments) => segments.join('/'));
    let accepted = 0;
    const refusals = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(requests, async (requested) => {
        const outcome = await resolveInside(root, requested).catch((error: unknown) => error);
        if (typeof outcome !== 'string') {
          refusals.add((outcome as { code?: unknown }).code);
          return;
        }
        const path = outcome;
        accepted += 1;
        expect(path === root || path.startsWith(root + sep)).toBe(true);
        // What the system makes of the answer: no link is left in it, up to its deepest existing ancestor.
        let ancestor = path;
        let real: string | undefined;
        while (real === undefined) {
          real = await realpath(ancestor).catch(() => undefined);
          if (real === undefined) ancestor = dirname(ancestor);
        }
        expect(real).toBe(ancestor);
        expect(real === root || real.startsWith(root + sep)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect([...refusals]).toEqual(['outside_root']);
    expect(accepted).toBeGreaterThan(100);
  }, 30_000);
});
