/** Values from commands while a gateway runs: kept, had anew when a server refuses them, and standing nowhere. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveRaw, type RawHttp } from '../gateway/raw-http.ts';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished, type Running } from '../support/process.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));

let home: TemporaryHome;
let config: string;
let upstream: RawHttp | undefined;
let running: Running | undefined;
/** What the server lets in. */
let good: string;
let refusals: number;

beforeEach(async () => {
  home = await temporaryHome();
  config = join(home.path, 'config.json');
  [upstream, running, refusals] = [undefined, undefined, 0];
});
afterEach(async () => {
  await running?.stop();
  await upstream?.[Symbol.asyncDispose]();
  await home.remove();
});

const canary = (): string => `CANARY-${randomBytes(12).toString('hex')}`;
const environment = (): Record<string, string> => ({
  ...home.env,
  SALLYPORT_HOME: join(home.path, 'state'),
  UNRELATED: 'unrelated',
});

/** The tool for secrets: notes each run and what it saw, and prints what the vault holds; afterwards that may be another. */
async function openVault(value: string): Promise<void> {
  const script = `#!/bin/sh\nenv | grep -c UNRELATED >> "$HOME/runs"\ncat "$HOME/vault"\n[ ! -e "$HOME/then" ] || mv "$HOME/then" "$HOME/vault"\n`;
  await writeFile(join(home.path, 'tool'), script, { mode: 0o755 });
  await fill(value);
}

/** As a whole: the tool may be reading. */
async function fill(value: string): Promise<void> {
  await writeFile(join(home.path, 'next'), value);
  await rename(join(home.path, 'next'), join(home.path, 'vault'));
}

const runs = async (): Promise<string[]> =>
  (await readFile(join(home.path, 'runs'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

async function serve(era: 'session' | 'stateless'): Promise<Running> {
  upstream = await serveRaw({ era }, (request, response) => {
    if (request.headers.authorization === `Bearer ${good}`) return false;
    refusals += 1;
    request.resume();
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    return true;
  });
  const up = { url: upstream.url, type: 'http', headers: { Authorization: 'Bearer ${exec:TOKEN}' } };
  await writeFile(
    config,
    JSON.stringify({ mcpServers: { up }, secrets: { exec: { TOKEN: ['./tool'] } }, listen: { port: 0 } }),
    { mode: 0o600 },
  );
  running = start(process.execPath, [bin, 'serve', config, '--log-level', 'trace'], {
    env: environment(),
    cwd: home.path,
  });
  await running.untilLine(/ready at/);
  return running;
}

const sallyport = async (...words: readonly string[]): Promise<Finished> =>
  await run(process.execPath, [bin, ...words, '--config', config], {
    env: environment(),
    cwd: home.path,
    timeoutMs: 25_000,
    input: '',
  });

async function everything(): Promise<string> {
  const entries = await readdir(join(home.path, 'state'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))).join('\n');
}

describe.each(['session', 'stateless'] as const)('a server of the %s era', (era) => {
  it('P1-04 that refuses the value gets the next one, and the calls that met the refusal succeed', async () => {
    const [first, second] = [canary(), canary()];
    good = first;
    await openVault(first);
    const gateway = await serve(era);
    expect(await sallyport('call', 'up__pid')).toMatchObject({ code: 0 });
    // What ran for the first reading serves them all; `call` itself reads the configuration and runs none of its own.
    const before = (await runs()).length;
    expect(refusals).toBe(0);
    // Rotated, and the old one taken back.
    good = second;
    await fill(second);
    const calls = await Promise.all(Array.from({ length: 4 }, () => sallyport('call', 'up__pid')));
    expect(calls.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(calls.map(() => '0 '));
    expect((await runs()).length - before).toBe(1);
    // The tool saw none of what it does not need.
    expect(new Set(await runs())).toEqual(new Set(['0']));
    const said = [...gateway.lines, ...calls.flatMap(({ stdout, stderr }) => [stdout, stderr]), await everything()];
    expect(said.join('\n')).toContain('it is asked again');
    for (const value of [first, second]) expect(said.join('\n')).not.toContain(value);
  });

  it('P1-04 that was never reached with the old value is reached, and listed, with the next one', async () => {
    const [first, second] = [canary(), canary()];
    good = second;
    await openVault(first);
    await writeFile(join(home.path, 'then'), second);
    await serve(era);
    await expect
      .poll(async () => (await sallyport('tools', '--json')).stdout, { timeout: 20_000 })
      .toContain('up__pid');
    expect(await runs()).toHaveLength(2);
  });

  it('P1-04 that refuses whatever it is shown does not wear out the vault', async () => {
    good = 'nothing is';
    await openVault(canary());
    await serve(era);
    for (let call = 0; call < 3; call += 1) expect(await sallyport('call', 'up__pid')).not.toMatchObject({ code: 0 });
    expect((await runs()).length).toBeLessThanOrEqual(2);
  });
});

describe('a reload', () => {
  it('runs the commands again when somebody asks for it, and not because another line changed', async () => {
    const [first, second] = [canary(), canary()];
    good = first;
    await openVault(first);
    const gateway = await serve('stateless');
    await fill(second);
    const value = JSON.parse(await readFile(config, 'utf8')) as object;
    await writeFile(config, JSON.stringify({ ...value, limits: { drain: '3s' } }));
    await gateway.untilLine(/the configuration was taken over/);
    expect(await runs()).toHaveLength(1);
    good = second;
    const reloaded = await sallyport('reload');
    expect(reloaded).toMatchObject({ code: 0, stdout: expect.stringContaining('mcpServers.up') });
    expect(await runs()).toHaveLength(2);
    expect(await sallyport('call', 'up__pid')).toMatchObject({ code: 0 });
    for (const secret of [first, second]) {
      expect(reloaded.stdout + reloaded.stderr + gateway.lines.join('\n')).not.toContain(secret);
    }
  });
});

it('TOK-07 no process of ours has a secret among its arguments, where every user of the machine could read it', async () => {
  const value = canary();
  good = value;
  await openVault(value);
  await serve('stateless');
  await run(process.execPath, [bin, 'secret', 'set', 'KEPT'], {
    env: environment(),
    cwd: home.path,
    timeoutMs: 25_000,
    input: value,
  });
  expect(await sallyport('call', 'up__pid')).toMatchObject({ code: 0 });
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    processes.map(async (pid) => await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
  );
  expect(lines.some((line) => line.includes(config))).toBe(true);
  expect(lines.join('\n')).not.toContain(value);
});
