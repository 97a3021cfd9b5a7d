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
      return [...row.matchAll(/`((?:test|packages|scripts)\/[^`]+\.test\.ts)`|"([^"]+)"/g)].flatMap(
        ([, path, title]) => {
          if (path !== undefined) file = path;
          return title === undefined ? [] : [{ row, file, title }];
        },
      );
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
    const without = rows.filter((row) => !/`(?:test|packages|scripts)\/[^`]+\.test\.ts`: "/.test(row));
    expect(without).toEqual([]);
  });
});

describe('whoever finds a hole', () => {
  it('P2-20 P4-20 is told where to write, what to say, what happens when, and that nobody sues', async () => {
    const text = await read('SECURITY.md');
    expect(text).toMatch(/private vulnerability reporting/);
    for (const within of ['48 hours', '7 days', '30 days']) expect(text).toContain(`| ${within}`);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(
      expect.arrayContaining(['What to write', 'Supported versions', 'Safe harbour', 'Acknowledgement']),
    );
    // No address is invented, and nothing is certified.
    expect(text).not.toMatch(/\S@\S+\.\S/);
    expect(text).not.toMatch(/certified|compliant/i);
  });
});

describe('the threats', () => {
  it('name settings, documents and tests that there are', async () => {
    const text = await read('docs/THREATS.md');
    const files = [...text.matchAll(/`((?:test|packages|scripts|deploy)\/[^`\s]+)`/g)].map(
      ([, path]) => path as string,
    );
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, path]) => `docs/${path}`);
    expect(files.length).toBeGreaterThan(30);
    expect([...files, ...links].filter((path) => !existsSync(fileURLToPath(new URL(path, root))))).toEqual([]);
  });
});
