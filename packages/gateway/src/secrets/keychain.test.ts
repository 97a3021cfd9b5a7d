import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeychain } from './keychain.ts';
import type { SecretStore } from './store.ts';

const CANARY = 'CANARY-71bd0e-value';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-keychain-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

const open = (env: Readonly<Record<string, string>>): SecretStore =>
  createKeychain({ directory: '/state', env, platform: 'linux', timeoutMs: 20_000 });
const set = async (keychain: SecretStore, values: Readonly<Record<string, string>>): Promise<void> =>
  await keychain.set(new Map(Object.entries(values)));

describe('where no keychain answers', () => {
  it('nobody is asked when there is no bus', async () => {
    const keychain = createKeychain({
      directory: '/state',
      env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: directory },
      platform: 'linux',
      timeoutMs: 1000,
      argv: ['/not/there'],
    });
    await expect(keychain.read(['A'])).rejects.toMatchObject({ code: 'no_keychain' });
  });

  it('a bus that is gone is an answer: none', async () => {
    const keychain = open({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(directory, 'none')}` });
    await expect(keychain.list()).rejects.toMatchObject({ code: 'silent_keychain' });
  });

  const programs: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['hangs', 'setInterval(() => {}, 1e6)', /more than 0\.5 s; is it locked\?/],
    ['ends without a word', '', /without an answer/],
    ['says nonsense', `process.stdout.write('{')`, /without an answer/],
    ['refuses', `process.stdout.write('{"error":"AccessDenied"}')`, /AccessDenied/],
    ['never stops to talk', `setInterval(() => process.stdout.write('x'.repeat(4e6)), 0)`, /too much|more than/],
  ];
  it.each(programs)('one that %s is ended, and said', async (_what, code, expected) => {
    const keychain = createKeychain({
      directory: '/state',
      env: { PATH: process.env['PATH'], DBUS_SESSION_BUS_ADDRESS: 'unix:path=/none' },
      platform: 'linux',
      // Long enough for Node to start, but for the one that hangs.
      timeoutMs: code.startsWith('setInterval(() => {}') ? 500 : 20_000,
      argv: [process.execPath, '-e', code],
    });
    await expect(keychain.list()).rejects.toMatchObject({
      code: 'silent_keychain',
      message: expect.stringMatching(expected),
    });
  });

  it('TOK-07 what asks it gets values on stdin alone, and no other variable', async () => {
    const seen = join(directory, 'seen');
    const program = join(directory, 'program.mjs');
    const code = `
      import { writeFileSync, readFileSync } from 'node:fs';
      const given = readFileSync(0, 'utf8');
      const ps = readFileSync('/proc/self/cmdline', 'latin1');
      writeFileSync(${JSON.stringify(seen)}, JSON.stringify({ env: process.env, ps, isGiven: given.includes('${CANARY}') }));
      process.stdout.write('{}');`;
    await writeFile(program, code);
    const keychain = createKeychain({
      directory: '/state',
      env: {
        PATH: process.env['PATH'],
        DBUS_SESSION_BUS_ADDRESS: 'unix:path=/none',
        SALLYPORT_MASTER_KEY: CANARY,
        OTHER: CANARY,
      },
      platform: 'linux',
      timeoutMs: 20_000,
      argv: [process.execPath, program],
    });
    await set(keychain, { A: CANARY });
    const text = await readFile(seen, 'utf8');
    expect(text).toContain('"isGiven":true');
    expect(text).toContain('DBUS_SESSION_BUS_ADDRESS');
    expect(text).not.toContain(CANARY);
  });

  it.each([
    ['a name that is none', '1A', 'x', 'bad_name'],
    ['nothing', 'A', '', 'bad_value'],
    ['too much', 'A', 'x'.repeat(65_537), 'bad_value'],
  ])('refuses %s before anybody is asked', async (_what, name, value, code) => {
    await expect(set(open({}), { [name]: value })).rejects.toMatchObject({ code });
  });
});
