/**
 * The code of the documents is right: every block of TypeScript compiles under strict settings against the packages as they were
 * built. What a block leaves out stands before it in a comment that no reader sees, `<!-- given … -->`. Blocks of a guide that
 * goes on from one to the next are one program.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer, serve } from '@sallyport/server';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { run } from '../support/process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'sallyport-snippets-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** The tutorial is run by a test of its own, from its tarballs. */
const BY_ITSELF = new Set(['TUTORIAL.md']);
const ONE_PROGRAM = new Set(['server-tools.md']);
const CONFIGURATION = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noPropertyAccessFromIndexSignature: true,
    erasableSyntaxOnly: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['*.ts'],
};

const below = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md') && !BY_ITSELF.has(name))
    .map((name) => join(folder, name));
const documents = [...below('docs'), ...below('docs/guides'), 'packages/client/README.md', 'packages/server/README.md'];

/** Each with what is given to it. A line of the module is a line of the document, so that errors say where to look. */
function modulesOf(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  const blocks = [...text.matchAll(/(?:^<!-- given\n([\s\S]*?)^-->\n\n)?^```ts\b.*\n([\s\S]*?)^```$/gm)].map(
    ({ 0: whole, 1: given = '', 2: code = '', index }) => {
      const line = text.slice(0, index + whole.length).split('\n').length - code.split('\n').length;
      return { line, code: `${given.replaceAll('\n', ' ')}${code}` };
    },
  );
  const pad = (line: number, before: number): string => '\n'.repeat(Math.max(0, line - before));
  if (!ONE_PROGRAM.has(basename(document))) return blocks.map(({ line, code }) => `${pad(line, 0)}${code}export {};\n`);
  return blocks.length === 0
    ? []
    : [blocks.reduce((all, { line, code }) => all + pad(line, all.split('\n').length - 1) + code, '')];
}

it('all code in the documents compiles', async () => {
  const written = documents.flatMap((document) =>
    modulesOf(document).map((code, at) => {
      const name = `${document.replaceAll(/[/.]/g, '_')}-${at + 1}.ts`;
      writeFileSync(join(place, name), code);
      return name;
    }),
  );
  expect(written.length).toBeGreaterThan(15);
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(CONFIGURATION));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, '--pretty', 'false'], { cwd: place, timeoutMs: 60_000 });
  expect(stdout).toBe('');
}, 60_000);

/** Those to which nothing is given. */
const wholeBlocks = (document: string): string[] =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/(?<!^-->\n\n)^```ts\n([\s\S]*?)^```$/gm)].map(
    ([, code = '']) => code,
  );

async function ran(code: string): Promise<string> {
  const { stderr, stdout } = await run(process.execPath, ['--input-type=module-typescript', '--eval', code], {
    cwd: root,
    timeoutMs: 20_000,
  });
  return stdout + stderr;
}

it('the first server of docs/SERVER.md serves', async () => {
  const [code] = wholeBlocks('docs/SERVER.md');
  expect(await ran(`${code}await serving.close();`)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/m);
});

it('docs/CLIENT.md: what is whole runs against servers that offer what it calls', async () => {
  const server = createServer({ name: 'tides', version: '1' });
  server.addTool({ name: 'search', inputSchema: { type: 'object' } }, (params) => `Found ${JSON.stringify(params)}`);
  const serving = await serve(server, { http: true, log: () => undefined });
  onTestFinished(() => serving.close());
  const files = join(root, 'node_modules/.bin/mcp-server-filesystem');
  const blocks = wholeBlocks('docs/CLIENT.md');
  expect(blocks).toHaveLength(2);
  const told = [
    'console.log(content);',
    'console.log(items.map(({ name }) => name), failures); await servers.close();',
  ];
  const outputs = blocks.map(async (code, at) => {
    const here = code
      .replaceAll('https://mcp.example.com/mcp', String(serving.url))
      .replace("'mcp-server-filesystem'", JSON.stringify(files))
      .replace("'/srv'", JSON.stringify(place));
    return await ran(here + told[at]);
  });
  const [one, several] = await Promise.all(outputs);
  expect(one).toContain('Found {"query":"tide tables"}');
  expect(several).toContain("'files__read_file'");
  expect(several).toContain("'web__search'");
});
