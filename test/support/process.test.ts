import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { temporaryHome } from './home.ts';
import { createInbox } from './inbox.ts';
import { run, start } from './process.ts';

const node = (script: string): ReturnType<typeof start> => start(process.execPath, ['-e', script]);

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('start', () => {
  it('finds a line that came before it was asked for, and one that comes after', async () => {
    await using program = node(
      'console.log("first 1"); process.stdin.once("data", () => console.error("second 2")); setInterval(() => {}, 1e3)',
    );
    expect((await program.untilLine(/first (\d)/))[1]).toBe('1');
    expect((await program.untilLine(/first (\d)/))[1]).toBe('1');
    program.write('go\n');
    expect((await program.untilLine(/second (\d)/))[1]).toBe('2');
    expect(program.stdout()).toBe('first 1\n');
    expect(program.stderr()).toBe('second 2\n');
  });

  it('rejects a wait for a line when the program ends without it, with what it said', async () => {
    await using program = node('console.log("something else"); process.exitCode = 3');
    await expect(program.untilLine(/never/)).rejects.toThrow(/ended \(3\) after:\nsomething else/);
  });

  it('ends what the program started in its group, even when the program itself ignores SIGTERM', async () => {
    await using program = node(
      `const { spawn } = require('node:child_process');
       process.on('SIGTERM', () => {});
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { stdio: 'inherit' });
       child.once('spawn', () => console.log('child ' + child.pid)); setInterval(() => {}, 1e3)`,
    );
    const child = Number((await program.untilLine(/child (\d+)/))[1]);
    expect(isAlive(child)).toBe(true);
    expect(await program.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(isAlive(program.pid)).toBe(false);
    // Its pipe is closed, so it has ended; who adopts it may take a moment to collect it.
    await expect.poll(() => isAlive(child)).toBe(false);
  });

  it('says that a program cannot be started', async () => {
    const program = start('/no/such/program', []);
    expect(await program.exit).toEqual({ code: null, signal: null });
    expect(program.stderr()).toContain('ENOENT');
  });
});

describe('run', () => {
  it('hands over the input and collects the output', async () => {
    const finished = await run(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)'], {
      input: 'through\n',
      timeoutMs: 20_000,
    });
    expect(finished).toEqual({ code: 0, signal: null, stdout: 'through\n', stderr: '', timedOut: false });
  });

  it('kills what takes too long', async () => {
    const finished = await run(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { timeoutMs: 50 });
    expect(finished).toMatchObject({ timedOut: true, signal: 'SIGKILL' });
  });
});

describe('createInbox', () => {
  it('rejects a wait when nothing comes in time, and one after the end', async () => {
    const inbox = createInbox<number>();
    await expect(inbox.until((item) => item === 1, 'a one', 1)).rejects.toThrow(
      'waited for a one: nothing within 1 ms',
    );
    inbox.push(1);
    inbox.end('closed');
    expect(await inbox.until((item) => item === 1, 'a one')).toBe(1);
    await expect(inbox.until((item) => item === 2, 'a two')).rejects.toThrow('waited for a two: closed');
  });
});

describe('temporaryHome', () => {
  it('is gone after its scope', async () => {
    const home = await temporaryHome();
    const finished = await run('node', ['-p', 'require("node:os").homedir()'], { env: home.env, timeoutMs: 20_000 });
    expect(finished.stdout.trim()).toBe(home.path);
    await home.remove();
    expect(existsSync(home.path)).toBe(false);
  });
});
