import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from './lock.ts';

const PROGRAM = `const { acquireLock } = await import(${JSON.stringify(new URL('lock.ts', import.meta.url).href)});
  const path = process.argv[1];
  const say = (text) => new Promise((resolve) => process.stdout.write(text + '\\n', resolve));`;

const running: ChildProcess[] = [];

function startChild(path: string, body: string): ChildProcess {
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', `${PROGRAM}\n${body}`, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.push(child);
  return child;
}

const firstOutput = async (child: ChildProcess): Promise<unknown> => await once(child.stdout!, 'data');

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-lock-'));
  path = join(directory, 'lock');
});

afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

describe('acquireLock', () => {
  it('excludes the same process, and lets go', async () => {
    const lock = await acquireLock(path, { timeoutMs: 0 });
    await expect(acquireLock(path, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'lock_timeout', path });
    // A failed try must not have loosened the lock: kernel locks of a process are easily dropped by closing a file.
    await expect(acquireLock(path, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'lock_timeout' });
    lock.release();
    lock.release();
    const second = await acquireLock(path, { timeoutMs: 0 });
    lock.release();
    await expect(acquireLock(path, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'lock_timeout' });
    second.release();
  });

  it('P1-02 takes the lock from others that a loose mode had let in', async () => {
    for (const name of [path, `${path}.gate`]) {
      await writeFile(name, '');
      await chmod(name, 0o666);
    }
    (await acquireLock(path, { timeoutMs: 0 })).release();
    expect([(await stat(path)).mode & 0o777, (await stat(`${path}.gate`)).mode & 0o777]).toEqual([0o600, 0o600]);
  });

  it('still excludes another process after failed tries in this one', async () => {
    const lock = await acquireLock(path, { timeoutMs: 0 });
    await expect(acquireLock(path, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'lock_timeout' });
    const body = `await acquireLock(path, { timeoutMs: 0 }).then(() => say('got it'), (error) => say(error.code));`;
    const [output] = (await firstOutput(startChild(path, body))) as [Buffer];
    expect(output.toString()).toBe('lock_timeout\n');
    lock.release();
  });

  it('waits for a holder in another process, and takes over when that is killed', async () => {
    const holder = startChild(
      path,
      `await acquireLock(path, { timeoutMs: 0 }); await say('held'); setInterval(() => {}, 1000);`,
    );
    await firstOutput(holder);
    await expect(acquireLock(path, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'lock_timeout' });
    const waiting = acquireLock(path, { timeoutMs: 20_000 });
    holder.kill('SIGKILL');
    await once(holder, 'close');
    (await waiting).release();
  }, 30_000);

  it('holds on when the holder keeps no reference to it and memory is collected', async () => {
    const body = `
      await acquireLock(path, { timeoutMs: 0 });
      for (let n = 0; n < 5; n++) { await new Promise(setImmediate); globalThis.gc(); }
      await say('collected'); setInterval(() => {}, 1000);`;
    await firstOutput(startChild(path, body));
    await expect(acquireLock(path, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'lock_timeout' });
  });

  it('does not take over from a holder that is merely stopped, however long that is', async () => {
    const holder = startChild(
      path,
      `await acquireLock(path, { timeoutMs: 0 }); await say('held'); setInterval(() => {}, 1000);`,
    );
    await firstOutput(holder);
    holder.kill('SIGSTOP');
    const { utimes } = await import('node:fs/promises');
    for (const name of await readdir(directory)) await utimes(join(directory, name), 1, 1);
    await expect(acquireLock(path, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'lock_timeout' });
  });

  it('keeps a counter right that three processes read and write back', async () => {
    const counter = join(directory, 'counter');
    await writeFile(counter, '0');
    const body = `
      const { readFile, writeFile } = await import('node:fs/promises');
      for (let n = 0; n < 40; n++) {
        const lock = await acquireLock(path, { timeoutMs: 20000 });
        await writeFile(${JSON.stringify(counter)}, String(1 + Number(await readFile(${JSON.stringify(counter)}, 'utf8'))));
        lock.release();
      }`;
    const children = [1, 2, 3].map(() => startChild(path, body));
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0] as number | null));
    expect(codes).toEqual([0, 0, 0]);
    expect(await readFile(counter, 'utf8')).toBe('120');
  }, 30_000);

  it('comes to us after a few turns of one that takes it again at once, for ever', async () => {
    const turns = join(directory, 'turns');
    const greedy = startChild(
      path,
      `const { writeFileSync } = await import('node:fs');
      for (let turn = 1; ; turn++) {
        const lock = await acquireLock(path, { timeoutMs: 20000 });
        writeFileSync(${JSON.stringify(turns)}, String(turn));
        await say('held');
        await new Promise((resolve) => setTimeout(resolve, 15));
        lock.release();
      }`,
    );
    for (let attempt = 0; attempt < 5; attempt += 1) {
      // Ask while it is held: whoever asks first after a release would get it in any case.
      await firstOutput(greedy);
      const before = Number(await readFile(turns, 'utf8'));
      const lock = await acquireLock(path, { timeoutMs: 20_000 });
      expect(Number(await readFile(turns, 'utf8')) - before).toBeLessThan(15);
      lock.release();
    }
  }, 60_000);

  it('ends the wait with the reason of the signal', async () => {
    const lock = await acquireLock(path, { timeoutMs: 0 });
    const controller = new AbortController();
    const waiting = acquireLock(path, { timeoutMs: 60_000, signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(acquireLock(path, { timeoutMs: 0, signal: controller.signal })).rejects.toBe(reason);
    lock.release();
    (await acquireLock(path, { timeoutMs: 0 })).release();
  });

  it('makes its files 0600 whatever the umask, and refuses a link in their place', async () => {
    const umask = process.umask(0);
    try {
      (await acquireLock(path, { timeoutMs: 0 })).release();
    } finally {
      process.umask(umask);
    }
    for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    await symlink('lock', join(directory, 'link'));
    await expect(acquireLock(join(directory, 'link'), { timeoutMs: 0 })).rejects.toMatchObject({ code: 'wrong_type' });
  });
});
