/** Who writes a server: a new project that works as it is, `dev` beside an editor, `validate` before it is given away. */
import { existsSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer, serve } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
const TIMEOUT_MS = 25_000;

let home: TemporaryHome;
let project: string;
let made: readonly Finished[];

beforeAll(async () => {
  home = await temporaryHome();
  project = join(home.path, 'shopping-notes');
  made = [await sallyport('new', 'server', 'shopping-notes'), await sallyport('new', 'server', 'plain-notes', '--js')];
  // For both, as an installation would put it there.
  symlinkSync(join(root, 'node_modules'), join(home.path, 'node_modules'));
});
afterAll(async () => home.remove());

async function sallyport(...words: readonly string[]): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], { env: home.env, cwd: home.path, timeoutMs: TIMEOUT_MS });
}

const node = async (cwd: string, ...words: readonly string[]): Promise<Finished> =>
  await run(process.execPath, words, { env: home.env, cwd, timeoutMs: TIMEOUT_MS });

describe('sallyport new server', () => {
  it('says what it wrote and how to go on', () => {
    expect(made).toMatchObject([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(made[0]?.stdout).toContain('sallyport dev src/main.ts');
    expect(made[1]?.stdout).toContain('sallyport dev src/main.js');
  });

  it('writes files as other programs do, so that a server in a cage may read them', () => {
    const modes = ['src', 'src/main.ts'].map((path) => statSync(join(project, path)).mode & 0o777);
    expect(modes).toEqual([0o777 & ~process.umask(), 0o666 & ~process.umask()]);
  });

  it('writes a project whose types and tests are right', async () => {
    expect(await node(project, '--test')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ℹ pass 2$/m) as string,
    });
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    expect(await node(project, tsc)).toMatchObject({ code: 0, stdout: '' });
  });

  it('writes one in JavaScript', async () => {
    const other = join(home.path, 'plain-notes');
    expect(existsSync(join(other, 'tsconfig.json'))).toBe(false);
    expect(await node(other, '--test')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ℹ pass 2$/m) as string,
    });
  });

  it.each([
    ['shopping-notes', 1, 'is there already'],
    ['../elsewhere', 2, 'cannot be the name of a server'],
    ['Notes', 2, 'cannot be the name of a server'],
    ['a--b', 2, 'cannot be the name of a server'],
    ['con', 2, 'cannot be the name of a server'],
    ['n'.repeat(49), 2, 'cannot be the name of a server'],
  ])('refuses %s, and writes nothing', async (name, code, message) => {
    const before = readFileSync(join(project, 'package.json'), 'utf8');
    const outcome = await sallyport('new', 'server', name);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(message);
    expect(readFileSync(join(project, 'package.json'), 'utf8')).toBe(before);
    expect(existsSync(join(home.path, '..', 'elsewhere'))).toBe(false);
  });
});

describe('sallyport validate --server', () => {
  it('finds nothing amiss with a new project, in both eras', async () => {
    const outcome = await sallyport('validate', '--json', '--server', 'shopping-notes/src/main.ts');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const report = JSON.parse(outcome.stdout) as { tools: { name: string; tokens: number }[] };
    expect(report).toMatchObject({ valid: true, findings: [], revisions: ['2025-11-25', '2026-07-28'] });
    expect(report.tools.map(({ name }) => name)).toEqual(['write_note', 'read_note']);
    expect(report.tools[0]?.tokens).toBeGreaterThan(50);
  });

  it('ends with 1 for a server with errors, and says which', async () => {
    writeFileSync(
      join(project, 'src/bad.ts'),
      `import { createServer, serve } from '@sallyport/server';
const server = createServer({ name: 'bad', version: '1' });
server.addTool({ name: 'mute' }, () => 'x');
await serve(server, { stdio: true });
`,
    );
    const outcome = await sallyport('validate', '--server', '--', 'node', join(project, 'src/bad.ts'));
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('error: tool mute has no description');
    expect(outcome.stdout).toMatch(/^1 error, 2 warnings$/m);
  });

  it('reaches a server that wants a credential, and says how to give it one', async () => {
    const key = 'a-key-of-ann-which-is-long-enough-for-anybody';
    const server = createServer({ name: 'guarded', version: '1', instructions: 'Nothing.' });
    server.addTool({ name: 'look', description: 'Looks.', annotations: { readOnlyHint: true } }, () => 'x');
    const auth = apiKey({ keys: [{ name: 'ann', key, roles: [] }] });
    const serving = await serve(server, { http: true, auth, log: () => undefined });
    onTestFinished(() => serving.close());
    const words = [bin, 'validate', '--server', String(serving.url)];
    const env = { ...home.env, ANN: key };
    const refused = await run(process.execPath, words, { env, cwd: home.path, timeoutMs: TIMEOUT_MS });
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('Give one: --header') as string });
    const header = ['--header', 'Authorization: Bearer ${ANN}'];
    const reached = await run(process.execPath, [...words, ...header], { env, cwd: home.path, timeoutMs: TIMEOUT_MS });
    expect(reached).toMatchObject({ code: 0, stdout: expect.stringMatching(/^guarded 1, /) as string });
  });

  it('says what it is to check', async () => {
    expect(await sallyport('validate', '--server')).toMatchObject({ code: 2, stdout: '' });
    expect(await sallyport('validate', '--server', 'nowhere.ts')).toMatchObject({ code: 2, stdout: '' });
    const gone = await sallyport('validate', '--server', '--', 'node', '-e', 'process.exit(3)');
    expect(gone).toMatchObject({ code: 5, stderr: expect.stringContaining('ended with code 3') as string });
  });
});

describe('sallyport dev', () => {
  it('calls tools, restarts on save, and keeps the one before when the new one is broken', async () => {
    const file = join(project, 'src/server.ts');
    const text = readFileSync(file, 'utf8');
    // As editors do it: nobody reads half a file.
    const save = (content: string): void => {
      writeFileSync(join(home.path, 'saved'), content);
      renameSync(join(home.path, 'saved'), file);
    };
    await using dev = start(process.execPath, [bin, 'dev', 'src/main.ts', '--wire'], { env: home.env, cwd: project });
    await dev.untilLine(/^up: shopping-notes 0\.1\.0 \(2026-07-28\), 2 tools/);
    dev.write('call write_note {"name": "a", "text": "Milk"}\n');
    await dev.untilLine(/^Noted a\.$/);
    await dev.untilLine(/^→ tools\/call write_note #\d+ {2}\d+ B$/);
    await dev.untilLine(/^← tools\/call write_note #\d+ ok {2}\d+ ms {2}\d+ B$/);
    await dev.untilLine(/^ {2}\{"jsonrpc":"2\.0","id":\d+,"method":"tools\/call"/);

    save(`${text}const broken: number = ;\n`);
    const failed = await dev.untilLine(/^did not start: (.*):(\d+): (\w*Error.*)$/);
    expect(failed[1]).toBe(file);
    expect(Number(failed[2])).toBe(text.split('\n').length);
    // The one before has its memory still.
    await dev.untilLine(/^the one before it goes on$/);
    dev.write('call read_note name=a\n');
    await dev.untilLine(/^Milk$/);

    save(text.replace('`Noted ${name}.`', '`Written: ${name}.`'));
    await dev.untilLine(/^restarted: shopping-notes/);
    dev.write('call write_note name=b text=Bread\ntools\nquit\n');
    await dev.untilLine(/^Written: b\.$/);
    expect(await dev.exit).toEqual({ code: 0, signal: null });
    expect(dev.stdout()).toContain('  text (string, required): The note\n');
  });

  it('speaks to a server that serves HTTP where it says that it does', async () => {
    const file = join(home.path, 'plain-notes/src/server.js');
    const text = readFileSync(file, 'utf8');
    const words = [bin, 'dev', '--http', 'plain-notes/src/main.js', '--', '--http', '0'];
    await using dev = start(process.execPath, words, { env: home.env, cwd: home.path });
    await dev.untilLine(/^up: plain-notes 0\.1\.0 \(2026-07-28\), 2 tools/);
    dev.write('call write_note name=a text=Milk\n');
    await dev.untilLine(/^→ tools\/call write_note #\d+ {2}\d+ B$/);
    await dev.untilLine(/^← tools\/call write_note #\d+ ok {2}\d+ ms {2}\d+ B$/);
    await dev.untilLine(/^Noted a\.$/);
    writeFileSync(join(home.path, 'saved'), text.replace('`Noted ${name}.`', '`Written: ${name}.`'));
    renameSync(join(home.path, 'saved'), file);
    await dev.untilLine(/^restarted: plain-notes/);
    dev.write('call write_note name=b text=Bread\nquit\n');
    await dev.untilLine(/^Written: b\.$/);
    expect(await dev.exit).toEqual({ code: 0, signal: null });
  });

  it('refuses what Node does not run', async () => {
    const outcome = await sallyport('dev', 'shopping-notes/package.json');
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected a file of JavaScript') as string,
    });
  });
});
