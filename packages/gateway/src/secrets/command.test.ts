import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSecretCommand } from './command.ts';

const CANARY = 'CANARY-91aa-output';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-command-'));
});

afterEach(async () => await rm(directory, { recursive: true }));

/** Runs a program of Node. */
async function run(
  code: string,
  more: { readonly timeoutMs?: number; readonly args?: readonly string[]; readonly names?: readonly string[] } = {},
): Promise<string> {
  const ours = { SALLYPORT_MASTER_KEY: CANARY, SALLYPORT_MASTER_KEY_FILE: CANARY, SALLYPORT_KEY: CANARY };
  const env = {
    ...process.env,
    ...ours,
    NODE_DEBUG: CANARY,
    OTHER_TOKEN: CANARY,
    VAULT_TOKEN: 'its own',
    MINE: 'named',
  };
  const { args = [], names = [], ...options } = more;
  const argv = [process.execPath, '-e', code, '--', ...args];
  return await runSecretCommand(argv, { env, names, cwd: directory, ...options });
}

const print = (text: string): string => `process.stdout.write(${JSON.stringify(text)})`;
const refusal = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'no refusal',
    (error: unknown) => String(error),
  );

describe('a command for a secret', () => {
  it.each([
    ['a', 'a'],
    ['a\n', 'a'],
    ['a\r\n', 'a'],
    ['a\n\n', 'a\n'],
    [' a \n', ' a '],
    ['\ufeffé', '\ufeffé'],
  ])('gives what %j says as %j', async (printed, value) => {
    expect(await run(print(printed))).toBe(value);
  });

  it('gets its words as they are: there is no shell', async () => {
    const words = ['$(id)', '`id`', '; exit 3', '*', 'a b'];
    expect(JSON.parse(await run('console.log(JSON.stringify(process.argv.slice(1)))', { args: words }))).toEqual(words);
  });

  it('TOK-07 gets what tools for secrets need and what is named, nothing else, and nothing on stdin', async () => {
    const dump = 'console.log(JSON.stringify(process.env), require("fs").readFileSync(0).length)';
    const seen = await run(dump, { names: ['MINE', 'SALLYPORT_MASTER_KEY', 'NOT_THERE'] });
    expect(seen).toContain('"VAULT_TOKEN":"its own"');
    expect(seen).toContain('"MINE":"named"');
    expect(seen).not.toContain(CANARY);
    expect(seen).toMatch(/ 0$/);
    expect(await run(dump)).not.toContain('named');
  });

  it('is looked for in PATH only, and refused when others may replace it', async () => {
    const tools = join(directory, 'tools');
    await mkdir(tools);
    await writeFile(join(tools, 'tool'), '#!/bin/sh\necho found\n', { mode: 0o755 });
    const given = async (command: string, path: string): Promise<string> =>
      await runSecretCommand([command], { env: { PATH: path }, names: [], cwd: directory });
    expect(await refusal(given('tool', '/bin'))).toMatch(/"tool" was not found/);
    expect(await given('./tools/tool', '/bin')).toBe('found');
    expect(await given('tool', [tools, '/bin'].join(delimiter))).toBe('found');
    await chmod(join(tools, 'tool'), 0o777);
    expect(await refusal(given('./tools/tool', '/bin'))).toMatch(/tools\/tool/);
  });

  it.each([
    ['fails', `${print(CANARY)}; process.stderr.write(${JSON.stringify(CANARY)}); process.exitCode = 3`, /code 3/],
    ['is killed', `${print(CANARY)}; process.kill(process.pid, 'SIGTERM')`, /SIGTERM/],
    ['prints nothing', '0', /no secret/],
    ['prints a line break', print('\n'), /no secret/],
    ['prints a NUL', print(`${CANARY}\0`), /no secret/],
    ['prints no text', `process.stdout.write(Buffer.from([0xff]))`, /not UTF-8/],
    ['prints too much', print(CANARY.repeat(4000)), /more than 65536 bytes/],
  ])('that %s gives an error without the output', async (_what, code, expected) => {
    const message = await refusal(run(code));
    expect(message).toMatch(expected);
    expect(message).not.toContain(CANARY);
  });

  it('that prints without end, or does not end, is ended with all that it started', async () => {
    expect(await refusal(run(`setInterval(() => ${print('x'.repeat(9999))}, 0)`))).toMatch(/more than/);
    const code = `
      const { pid } = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
      require('fs').writeFileSync('pid', String(pid));
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1e6);`;
    expect(await refusal(run(code, { timeoutMs: 1500 }))).toMatch(/did not end within 1.5 s/);
    const pid = Number(await readFile(join(directory, 'pid'), 'utf8'));
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
