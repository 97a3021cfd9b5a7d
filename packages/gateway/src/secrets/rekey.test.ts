import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFileSecrets, type FileSecrets } from './file.ts';
import { SecretsError } from './store.ts';
import { program } from './testing/program.ts';
import { sealingOf } from './testing/sealing.ts';

const CANARY = 'CANARY-0b77-value';
const KILLS = 50;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-rekey-'));
});

afterEach(async () => await rm(directory, { recursive: true, maxRetries: 5 }));

const open = (byte: number): FileSecrets =>
  createFileSecrets({ directory, openSealing: async () => sealingOf(byte), now: Date.now, say: () => undefined });

/** The whole content, under whichever of the two keys it is; one that changes in between is asked again. */
async function all(): Promise<ReadonlyMap<string, unknown>> {
  for (;;) {
    for (const byte of [7, 8]) {
      try {
        return await open(byte).read(['FIXED', 'COUNT']);
      } catch (error) {
        if (!(error instanceof SecretsError) || error.code !== 'wrong_key') throw error;
      }
    }
  }
}

/** Changes the key to and fro, and ends itself in the middle of that. */
const CHANGING = `
  process.stdout.write('go\\n');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * 25);
  for (;;) for (const [next, old] of [[8, 7], [7, 8]]) {
    await open(next).rekey(sealingOf(old)).catch((error) => { if (error.code !== 'wrong_key') throw error; });
  }`;

/** Sets a number under whichever key is in force, and tells each that was set; ends when the one before is not there. */
const SETTING = `
  const onOneOf = async (work) => {
    for (;;) for (const byte of [7, 8]) {
      try {
        return await work(open(byte));
      } catch (error) {
        if (error.code !== 'wrong_key') throw error;
      }
    }
  };
  for (let count = 1; ; count += 1) {
    const before = await onOneOf((secrets) => secrets.read(['COUNT']));
    if (before.get('COUNT') !== String(count - 1)) throw new Error('lost: ' + (count - 1));
    await onOneOf((secrets) => secrets.set(new Map([['COUNT', String(count)]])));
    process.stdout.write(count + '\\n');
  }`;

it('P1-04 a change of the key that is killed 50 times, while another process writes, loses and tears nothing', async () => {
  await open(7).set(new Map(Object.entries({ FIXED: CANARY, COUNT: '0' })));
  const setting = spawn(process.execPath, [...program(SETTING), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = 0;
  createInterface({ input: setting.stdout }).on('line', (line) => (told = Number(line)));
  const outcomes = new Set<string>();
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const changing = spawn(process.execPath, [...program(CHANGING), directory], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code, signal] = (await once(changing, 'exit')) as [number | null, string | null];
      outcomes.add(String(signal ?? code));
      const least = told;
      const found = await all();
      expect(found.get('FIXED')).toBe(CANARY);
      expect(Number(found.get('COUNT'))).toBeGreaterThanOrEqual(least);
    }
    // It was killed each time, and the other went on all the while.
    expect([...outcomes]).toEqual(['SIGKILL']);
    expect(setting.exitCode).toBeNull();
    expect(told).toBeGreaterThan(KILLS);
  } finally {
    setting.kill('SIGKILL');
    if (setting.exitCode === null) await once(setting, 'exit');
  }
}, 180_000);
