import { closeSync, openSync, writeSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { boundedLog, followLog, lastLines, logBehind, logPaths } from './daemon-log.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-log-'));
  path = join(folder, 'daemon.log');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the log of a state', () => {
  it('is found behind a descriptor, and only there', async () => {
    const paths = logPaths(folder, '/a.json');
    expect(paths[0]).toBe(path);
    expect(paths[1]).toMatch(/daemon-[0-9a-f]{8}\.log$/);
    expect(logPaths(folder, undefined)).toEqual([path, path]);
    const descriptor = openSync(paths[1], 'a');
    const other = openSync(join(folder, 'other'), 'a');
    expect([logBehind(descriptor, paths), logBehind(other, paths)]).toEqual([paths[1], undefined]);
    closeSync(descriptor);
    closeSync(other);
  });

  it('begins anew past its bound, without losing a line, and keeps one before it to itself', async () => {
    const descriptor = openSync(path, 'a', 0o600);
    const stream = boundedLog({ write: (text: string) => writeSync(descriptor, text) > 0 }, descriptor, path, 100);
    const follower = await followLog(path);
    const seen: Buffer[] = [];
    const lines = Array.from({ length: 30 }, (_each, index) => `line ${index} ${'x'.repeat(10)}\n`);
    for (const line of lines) {
      stream.write(line);
      if (line.includes('4') || line.includes('9')) seen.push(await follower.more());
    }
    expect(Buffer.concat(seen).toString()).toBe(lines.join(''));
    expect((await stat(path)).size).toBeLessThan(120);
    expect((await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'))).toBe(
      lines.join('').slice(-(await stat(path)).size - (await stat(`${path}.1`)).size),
    );
    expect((await stat(`${path}.1`)).mode & 0o777).toBe(0o600);
    closeSync(descriptor);
  });

  it('gives its last lines: of a part, of none, and of more than is looked at', async () => {
    await writeFile(path, 'one\ntwo\nthree\n');
    expect(await lastLines(path, { count: 2 })).toEqual(['two', 'three']);
    expect(await lastLines(path, { count: 0 })).toEqual([]);
    expect(await lastLines(path, { count: 9, start: 4 })).toEqual(['two', 'three']);
    expect(await lastLines(path, { count: 9, end: 8 })).toEqual(['one', 'two']);
    await appendFile(path, `${'x'.repeat(1024 * 1024)}\nlast`);
    expect(await lastLines(path, { count: 9 })).toEqual(['last']);
  });

  it('is followed from nothing, over what others cut', async () => {
    const follower = await followLog(path);
    expect(String(await follower.more())).toBe('');
    await writeFile(path, 'a\nb\n');
    expect(String(await follower.more())).toBe('a\nb\n');
    await writeFile(path, 'c\n');
    expect(String(await follower.more())).toBe('c\n');
  });
});
