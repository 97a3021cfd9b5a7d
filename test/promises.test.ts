import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');

/** What docs/SECURITY.md promises, and the tests that it names for it: file, and the beginning of a title. */
async function named(): Promise<{ readonly row: string; readonly file: string; readonly title: string }[]> {
  const text = await read('docs/SECURITY.md');
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((row) => {
      let file = '';
      return [...row.matchAll(/`((?:test|packages)\/[^`]+\.test\.ts)`|"([^"]+)"/g)].flatMap(([, path, title]) => {
        if (path !== undefined) file = path;
        return title === undefined ? [] : [{ row, file, title }];
      });
    });
}

describe('what is promised', () => {
  it('names tests that there are', async () => {
    const all = await named();
    expect(all.length).toBeGreaterThan(50);
    const missing: string[] = [];
    for (const { file, title } of all) {
      const isThere = existsSync(fileURLToPath(new URL(file, root))) && (await read(file)).includes(title);
      if (!isThere) missing.push(`${file}: ${title}`);
    }
    expect(missing).toEqual([]);
  });

  it('names a test for every promise', async () => {
    const text = await read('docs/SECURITY.md');
    const rows = text.split('\n').filter((line) => /^\| (?!Promise|-)/.test(line));
    const without = rows.filter((row) => !/`(?:test|packages)\/[^`]+\.test\.ts`: "/.test(row));
    expect(without).toEqual([]);
  });
});
