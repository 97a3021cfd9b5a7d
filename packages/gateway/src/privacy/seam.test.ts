/** The seam of privacy: nobody writes a name or an address of a client past it. Read from the sources. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Calls of the log that speak of a subject or an address by itself, each with why it may. */
const KNOWN: Readonly<Record<string, string>> = {
  'server/src/auth/chain.ts': 'an address in a detail: the log is one that shortens it',
  'server/src/serving/auth/dev.ts': 'a person who is made up for development',
  'server/src/serving/auth/authentik-registration.ts':
    "who registers clients at an author's own server, whose log it is",
};

const WHOLE = /principal: \{ issuer: \w+, subject: \w+ \}/g;

async function sources(): Promise<readonly (readonly [path: string, text: string])[]> {
  const folders = ['gateway', 'server', 'client', 'host'].map((name) => join(root, name, 'src'));
  const entries = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
  const paths = entries
    .flat()
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((path) => !/\/(?:testing|cli|privacy)\//.test(path));
  return await Promise.all(paths.map(async (path) => [path.slice(root.length), await readFile(path, 'utf8')] as const));
}

/** The words of each call of a log, up to the parenthesis that ends it. */
function logCalls(text: string): readonly string[] {
  return [...text.matchAll(/(?<![\w.])(?:\w+\.)*#?log\(/g)].map(({ 0: call, index }) => {
    let depth = 1;
    let end = index + call.length;
    for (; depth > 0 && end < text.length; end += 1) depth += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0;
    return text.slice(index, end);
  });
}

it('P3-13 no line of the log has a subject, a claim or an e-mail of its own: a principal goes there as a whole', async () => {
  const found = (await sources()).flatMap(([path, text]) =>
    logCalls(text)
      // A principal goes there whole, and comes out as the mode has it.
      .filter((call) => /\bsubject\b|\bclaims\b|\bemail\b|\baddress\b|remoteAddress/.test(call.replaceAll(WHOLE, '')))
      .map((call) => `${path}: ${call}`),
  );
  expect(found.filter((each) => !Object.keys(KNOWN).some((path) => each.startsWith(`${path}:`)))).toEqual([]);
  // A line that is known and gone is taken off the list.
  for (const path of Object.keys(KNOWN))
    expect(
      found.some((each) => each.startsWith(path)),
      path,
    ).toBe(true);
});

it('P3-13 only one file makes the text of a record, and it takes names and addresses from the seam alone', async () => {
  const writers = (await sources()).filter(([, text]) => /member\('(?:principal|address)'|"principal":\$\{/.test(text));
  expect(writers.map(([path]) => path)).toEqual(['gateway/src/audit/record.ts']);
  const text = writers[0]?.[1] ?? '';
  for (const [, made = ''] of text.matchAll(/(?:member\('(?:principal|address)', |"principal":\$\{)([^\n]*)/g)) {
    expect(made).toMatch(/people\.(?:principal|address)\(/);
  }
});
