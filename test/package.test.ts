/**
 * What users get: every published package is packed, the tarballs are installed together in an empty project, and the
 * command and each package are tried there. Needs a build. The installation uses npm's cache alone where that is
 * enough; else it asks the registry, and says so.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryPoints } from '../scripts/architecture.ts';
import { readLock } from '../scripts/lockfile.ts';
import { packAll } from '../scripts/pack.ts';
import { capture, outputOf, type Command } from '../scripts/run.ts';
import { tarballFiles, tarballProblems } from '../scripts/tarball.ts';
import { publishedPackages, root } from '../scripts/workspace.ts';

const packages = publishedPackages(root);
const place = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
const project = join(place, 'project');

afterAll(() => rmSync(place, { recursive: true, force: true }));

beforeAll(() => {
  const tarballs = Object.entries(packAll(root, place, capture)).map(([name, file]) => [name, `file:../${file}`]);
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      name: 'empty',
      private: true,
      type: 'module',
      dependencies: Object.fromEntries(tarballs) as object,
    }),
  );
  const install: Command = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'];
  if (capture([...install, '--offline'], project).code === 0) return;
  process.stderr.write('package.test: npm’s cache does not hold all dependencies, so the registry is asked\n');
  outputOf(capture, install, project);
}, 300_000);

describe.each(packages.map((each) => [each.manifest.name, each] as const))('%s', (name, each) => {
  it('packs what it should and nothing else', () => {
    const folder = join(root, each.folder);
    expect(tarballProblems(folder, each.manifest, tarballFiles(folder, capture))).toEqual([]);
  });

  it('carries the licence of the repository, unchanged', () => {
    expect(readFileSync(join(root, each.folder, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'));
  });

  it('is installed from its tarball, not linked', () => {
    const installed = join(project, 'node_modules', name);
    expect(existsSync(join(installed, 'package.json'))).toBe(true);
    expect(existsSync(join(installed, 'src'))).toBe(false);
    expect(each.manifest.private).toBeUndefined();
  });

  it.each(Object.keys(entryPoints(each)))('can be imported: %s', (subpath) => {
    const specifier = `${name}${subpath.slice(1)}`;
    const code = `const it = await import(${JSON.stringify(specifier)}); console.log(Object.keys(it).length);`;
    expect(Number(outputOf(capture, ['node', '--input-type=module', '-e', code], project))).toBeGreaterThan(0);
  });

  it.each(Object.keys(each.manifest.bin ?? {}))('brings the command %s, which says its version', (command) => {
    const said = outputOf(capture, [join(project, 'node_modules/.bin', command), 'version'], project);
    expect(said).toContain(each.manifest.version);
  });
});

/** What somebody writes who has just installed the two libraries. */
const PROGRAM = `
import { randomBytes } from 'node:crypto';
import { connect, createMultiClient } from '@sallyport/client';
import { createServer, serve, type Serving } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import { connectInMemory } from '@sallyport/server/testing';

const server = createServer({ name: 'greeter', version: '1.0.0', log: () => {} });
const inputSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
server.addTool({ name: 'greet', inputSchema }, ({ name }, { user }) => \`Hello \${String(name)}, says \${user.id}.\`);
if (process.argv[2] === 'stdio') {
  await serve(server, { stdio: true });
} else {
  const key = randomBytes(32).toString('base64');
  const serving: Serving = await serve(server, { http: true, auth: apiKey({ keys: [{ name: 'me', key, roles: [] }] }), log: false });
  const http = { url: String(serving.url), headers: { authorization: \`Bearer \${key}\` } };
  const stdio = { command: process.execPath, args: [process.argv[1] ?? '', 'stdio'] };
  const clients = [await connect(http), await connect(stdio), await connectInMemory(server)];
  for (const client of clients) {
    const { content } = await client.callTool('greet', { name: 'you' });
    console.log(content[0]?.['text']);
    await client.close();
  }
  const both = createMultiClient();
  await both.addServer('http', http);
  await both.addServer('stdio', stdio);
  const { content } = await both.callTool('http__greet', { name: 'both' });
  console.log(content[0]?.text);
  await both.close();
  await serving.close();
}
`;

describe('a program on the libraries', () => {
  const file = join(project, 'program.ts');

  it('has types that hold, also those of what it does not name', () => {
    writeFileSync(file, PROGRAM);
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const how = ['--strict', '--skipLibCheck', 'false', '--module', 'nodenext', '--target', 'es2024', '--noEmit'];
    const said = capture(['tsc', ...how, ...types, file], project);
    expect(said).toMatchObject({ code: 0, stdout: '' });
  });

  it('serves and calls over HTTP, over stdio and in memory', () => {
    writeFileSync(file, PROGRAM);
    expect(outputOf(capture, ['node', file], project).trim().split('\n')).toEqual([
      'Hello you, says me.',
      'Hello you, says local.',
      'Hello you, says alice.',
      'Hello both, says me.',
    ]);
  });
});

describe('installation', () => {
  it('SUP-01 runs no script of any package', () => {
    const locked = readLock(join(project, 'package-lock.json'));
    expect(locked.length).toBeGreaterThan(packages.length);
    expect(locked.filter((each) => each.installScript)).toEqual([]);
  });

  it('brings no development dependency', () => {
    const brought = readdirSync(join(project, 'node_modules'));
    for (const tool of ['vitest', 'typescript', 'oxlint', 'knip', 'node']) expect(brought).not.toContain(tool);
  });
});
