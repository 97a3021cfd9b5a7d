import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Child, type ChildExit, type ChildOptions, startChild } from './child.ts';
import { killAllOnExit } from './child-group.ts';
import type { Reaper } from './reaper.ts';

const LADDER_TIMEOUT_MS = 20_000;

let folder = '';
const started: Child[] = [];
const strays: number[] = [];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-child-')));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of started.splice(0)) {
    child.destroy();
    await child.close();
  }
  for (const pid of strays.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let scripts = 0;
async function script(source: string): Promise<string> {
  scripts += 1;
  const path = join(folder, `script-${scripts}.mjs`);
  await writeFile(path, source);
  return path;
}

interface Running {
  readonly child: Child;
  /** Texts of the lines so far. */
  readonly lines: string[];
  readonly stderr: string[];
  readonly exits: ChildExit[];
  readonly exit: Promise<ChildExit>;
  readonly oversize: () => number;
  /** The text of the line of that number, as soon as it is there. */
  readonly line: (index: number) => Promise<string>;
}

async function run(source: string, more: Partial<ChildOptions> = {}): Promise<Running> {
  const lines: string[] = [];
  const stderr: string[] = [];
  const exits: ChildExit[] = [];
  let oversize = 0;
  const waiting = new Map<number, (text: string) => void>();
  const exit = Promise.withResolvers<ChildExit>();
  const child = await startChild({
    command: process.execPath,
    args: [await script(source)],
    cwd: folder,
    env: {},
    maxLineBytes: 16 << 20,
    onLine: (line) => {
      const text = line.toString();
      waiting.get(lines.push(text) - 1)?.(text);
    },
    onOversize: () => (oversize += 1),
    onStderr: (text) => stderr.push(text),
    onExit: (value) => {
      exits.push(value);
      exit.resolve(value);
    },
    ...more,
  });
  started.push(child);
  const line = (index: number): Promise<string> =>
    lines.length > index
      ? Promise.resolve(lines[index]!)
      : new Promise((resolve) => {
          waiting.set(index, resolve);
        });
  return { child, lines, stderr, exits, exit: exit.promise, oversize: () => oversize, line };
}

/** A zombie that nobody reaped yet does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const ECHO = 'process.stdin.pipe(process.stdout);';
const STAY = 'setInterval(() => {}, 1 << 30);';
const DEAF = `for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {}); ${STAY}`;
/** Starts a grandchild that ignores signals and holds our stdout and stderr, and says its pid when it is ready. */
const GRANDCHILD = (detached = false): string => `
  import { spawn } from 'node:child_process';
  const source = ${JSON.stringify(`${DEAF} console.log(JSON.stringify({ pid: process.pid }));`)};
  const grandchild = spawn(process.execPath, ['-e', source], { stdio: 'inherit', detached: ${detached} });`;

function grandchildPid(line: string): number {
  const { pid } = JSON.parse(line) as { pid: number };
  strays.push(pid);
  return pid;
}

it('tells of what a child prints that is no message, where somebody wants to hear it', async () => {
  const noise: string[] = [];
  const printed = ['hello', '{"id":1}', '', 'a\u001b[31mred', '[2]', 'the end, without a newline'];
  const { exit, lines } = await run(`process.stdout.write(${JSON.stringify(printed.join('\n'))});`, {
    onNoise: (text) => noise.push(text),
  });
  await exit;
  expect(lines).toEqual(['{"id":1}', '[2]']);
  expect(noise).toEqual(['hello', 'ared', 'the end, without a newline']);
});

describe('messages', () => {
  it('come back byte for byte: 10,000 of mixed sizes, strings and Buffers', { timeout: 30_000 }, async () => {
    const sizes = [0, 1, 50, 100, 1000, 8191, 8192, 65_535, 65_536, 200_000];
    const all = Array.from({ length: 10_000 }, (_, index) => {
      const size = index === 5000 ? 3 << 20 : index % 50 === 0 ? sizes[(index / 50) % sizes.length]! : index % 300;
      return `{"id":${index},"text":"${'aé😀\u2028'.repeat(size / 5)}"}`;
    });
    const received: Buffer[] = [];
    const last = Promise.withResolvers<void>();
    const { child } = await run(ECHO, {
      onLine: (line) => {
        if (received.push(line) === all.length) last.resolve();
      },
    });
    for (const [index, text] of all.entries()) child.send(index % 2 === 0 ? text : Buffer.from(text));
    await last.promise;
    const wrong = all.filter((text, index) => !received[index]!.equals(Buffer.from(text)));
    expect(wrong).toEqual([]);
    expect(child.noise).toEqual({ lines: 0, bytes: 0 });
    expect(child.backlogBytes).toBe(0);
  });

  it('SBX-01 are found among noise, which is counted', async () => {
    const { child, line, lines } = await run(`
      process.stdout.write('Server ready\\n\\n\\u001b[32m{"a":1}\\r\\n\\ufeff{"b":2}\\n"half":1}\\n{"c":3}\\n');${STAY}`);
    await line(2);
    expect(lines).toEqual(['{"a":1}', '{"b":2}', '{"c":3}']);
    expect(child.noise).toEqual({ lines: 3, bytes: 12 + 0 + 5 + 3 + 9 });
  });

  it('go on after one that is too long', async () => {
    const { line, lines, oversize } = await run(
      `process.stdout.write('{"a":"' + 'x'.repeat(5_000_000) + '"}\\n{"b":2}\\n');${STAY}`,
      { maxLineBytes: 1 << 20 },
    );
    await line(0);
    expect(lines).toEqual(['{"b":2}']);
    expect(oversize()).toBe(1);
  });

  it('wait, counted, for a child that does not read', async () => {
    const { child, exit } = await run(STAY);
    const message = 'x'.repeat(1 << 20);
    for (let sent = 0; sent < 8; sent += 1) child.send(message);
    expect(child.backlogBytes).toBe(8 * ((1 << 20) + 1));
    await new Promise(setImmediate);
    expect(child.backlogBytes).toBeGreaterThan(4 << 20);
    child.destroy();
    await exit;
    expect(child.backlogBytes).toBe(0);
  });

  it('are dropped without a throw when the child is gone', async () => {
    const { child, exit } = await run('process.exit(0)');
    for (let sent = 0; sent < 100; sent += 1) child.send('x'.repeat(1 << 16));
    await exit;
    child.send('{}');
    await child.close();
    child.send('{}');
    expect(child.backlogBytes).toBe(0);
  });
});

describe('arguments, environment and descriptors', () => {
  it('P2-19 passes arguments as they are, through no shell', async () => {
    const marker = join(folder, 'marker');
    const args = [
      `; touch ${marker}`,
      `$(touch ${marker})`,
      `\`touch ${marker}\``,
      `a\ntouch ${marker}\n`,
      `&& touch ${marker} | cat > ${marker}`,
    ].concat(['', '*', '~', '$HOME', '"', "'", '\\', '--', 'é😀']);
    const path = await script('console.log(JSON.stringify(process.argv.slice(2)))');
    const { lines, exit } = await run('', { args: [path, ...args], env: { HOME: '/home/x' } });
    await exit;
    expect(JSON.parse(lines[0]!)).toEqual(args);
    expect(existsSync(marker)).toBe(false);
  });

  it('gives the child the environment it was given and nothing of ours', async () => {
    vi.stubEnv('CANARY', 'secret');
    // Node passes this one on by itself unless it is kept from it.
    vi.stubEnv('NODE_V8_COVERAGE', join(folder, 'coverage'));
    const { lines, exit } = await run('console.log(JSON.stringify(process.env))', { env: { A: '1', B: '$A ${A}' } });
    await exit;
    expect(JSON.parse(lines[0]!)).toEqual({ A: '1', B: '$A ${A}' });
    expect(existsSync(join(folder, 'coverage'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')(
    'gives the child no other descriptor of ours (read from /proc: Linux)',
    async () => {
      const secret = join(folder, 'secret');
      await writeFile(secret, 'x');
      const list = await script(`import fs from 'node:fs';
      const open = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch {} });
      console.log(JSON.stringify(open.filter((path) => path?.endsWith('/secret'))));`);
      const harness = await script(`import fs from 'node:fs';
      import { startChild } from ${JSON.stringify(new URL('child.ts', import.meta.url).href)};
      const nothing = () => {};
      await startChild({ command: process.execPath, args: [${JSON.stringify(list)}], cwd: '/', env: {}, maxLineBytes: 1000,
        onOversize: nothing, onStderr: console.error, onLine: (line) => console.log(fs.readlinkSync('/proc/self/fd/9') + ' ' + line),
        onExit: nothing });`);
      // The shell leaves descriptor 9 open over exec, as a careless parent of the gateway would.
      const { stdout } = await promisify(execFile)('/bin/sh', [
        '-c',
        'exec "$0" "$1" 9<"$2"',
        process.execPath,
        harness,
        secret,
      ]);
      expect(stdout).toBe(`${secret} []\n`);
    },
  );
});

describe('stderr', () => {
  it('P1-16 of 200 MB neither blocks the child nor fills memory nor the log', { timeout: 60_000 }, async () => {
    const before = process.memoryUsage();
    const { child, stderr, line, exit } = await run(
      `
      import fs from 'node:fs';
      const block = Buffer.alloc(1 << 20, 'noise on stderr, and more of it\\n');
      process.stdin.pipe(process.stdout);
      let written = 0;
      const write = () => {
        if (written === 200) return console.log('{"written":200}');
        fs.writeSync(2, block); written += 1; setImmediate(write);
      };
      write();
      process.stdin.on('end', () => { console.error('last words'); process.exitCode = 5; });`,
      { now: () => 0 },
    );
    child.send('{"meanwhile":1}');
    expect(await line(0)).toBe('{"meanwhile":1}');
    expect(await line(1)).toBe('{"written":200}');
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(64 << 20);
    void child.close();
    const { stderrTail } = await exit;
    expect(stderrTail.endsWith('last words')).toBe(true);
    const reported = stderr.slice(0, -1).reduce((sum, text) => sum + text.length + 1, 0);
    expect(reported).toBe(64 << 10);
    expect(stderr.at(-1)).toBe(`… ${(200 << 20) - reported + 'last words\n'.length} bytes dropped`);
  });
});

describe('the end', () => {
  it('tells the exit code and what was said last, after the last line', async () => {
    let seen = -1;
    const { lines, exit } = await run(
      `import fs from 'node:fs';
       for (let n = 0; n < 5000; n += 1) fs.writeSync(1, '{"n":' + n + '}\\n');
       fs.writeSync(2, '\\u001b[31mError: no key\\n    at main');
       process.exit(7);`,
    );
    const told = await exit.then((value) => {
      seen = lines.length;
      return value;
    });
    expect(told).toEqual({ code: 7, signal: null, stderrTail: 'Error: no key\n    at main', requested: false });
    expect(seen).toBe(5000);
    expect(lines.at(-1)).toBe('{"n":4999}');
  });

  it('tells the signal', async () => {
    const { exit } = await run("process.kill(process.pid, 'SIGKILL')");
    expect(await exit).toMatchObject({ code: null, signal: 'SIGKILL', requested: false });
  });

  it('lets a child that ends with its stdin end by itself, and is the same twice', async () => {
    const { child, exits, line } = await run(`${ECHO} process.on('SIGTERM', () => process.exit(9));`);
    child.send('{}');
    await line(0);
    child.send('{"last":1}');
    await Promise.all([child.close(), child.close()]);
    await child.close();
    child.destroy();
    expect(await line(1)).toBe('{"last":1}');
    expect(exits).toEqual([{ code: 0, signal: null, stderrTail: '', requested: true }]);
    expect(isRunning(child.pid)).toBe(false);
  });

  it('asks a child that stays with SIGTERM', { timeout: LADDER_TIMEOUT_MS }, async () => {
    const { child, exits, line } = await run(
      `process.on('SIGTERM', () => process.exit(4)); console.log('{}'); ${STAY}`,
    );
    await line(0);
    await child.close();
    expect(exits).toMatchObject([{ code: 4, signal: null, requested: true }]);
  });

  it(
    'P1-15 kills the whole group when it does not listen, having asked once',
    { timeout: LADDER_TIMEOUT_MS },
    async () => {
      const { child, exits, line, lines } = await run(
        `${GRANDCHILD()} ${DEAF} process.on('SIGTERM', () => console.log('{"asked":1}'));`,
      );
      const pid = grandchildPid(await line(0));
      const closed = child.close();
      await line(1);
      await Promise.all([closed, child.close()]);
      expect(exits).toMatchObject([{ code: null, signal: 'SIGKILL', requested: true }]);
      expect([child.pid, pid].filter(isRunning)).toEqual([]);
      expect(lines.slice(1)).toEqual(['{"asked":1}']);
    },
  );

  it('cuts the whole group at once', async () => {
    const { child, exits, line } = await run(`${GRANDCHILD()} ${DEAF}`);
    const pid = grandchildPid(await line(0));
    child.destroy();
    child.destroy();
    await child.close();
    expect(exits).toMatchObject([{ signal: 'SIGKILL', requested: true }]);
    expect([child.pid, pid].filter(isRunning)).toEqual([]);
  });

  it('does not wait for a grandchild that holds stdout, and ends it', { timeout: LADDER_TIMEOUT_MS }, async () => {
    const { child, exit, line } = await run(`${GRANDCHILD()} process.stdin.on('data', () => process.exit(3));`);
    const pid = grandchildPid(await line(0));
    child.send('{}');
    expect(await exit).toMatchObject({ code: 3, requested: false });
    expect(isRunning(pid)).toBe(true);
    await child.close();
    expect(isRunning(pid)).toBe(false);
  });

  it('does not wait for one that left the group either, nor hear it after the exit was told', async () => {
    const chatty = `process.stdout.on('error', () => process.exit());
      setInterval(() => process.stdout.write(JSON.stringify({ pid: process.pid }) + '\\n'), 1);`;
    const { child, exit, exits, line, lines } = await run(`import { spawn } from 'node:child_process';
      spawn(process.execPath, ['-e', ${JSON.stringify(chatty)}], { stdio: 'inherit', detached: true });
      process.stdin.on('data', () => process.exit(3));`);
    const pid = grandchildPid(await line(0));
    child.send('{}');
    expect(await exit).toMatchObject({ code: 3, requested: false });
    const heard = lines.length;
    await child.close();
    await vi.waitUntil(() => !isRunning(pid));
    expect(lines).toHaveLength(heard);
    expect(exits).toHaveLength(1);
  });

  it.each([
    ['broke its stdin', 'fs.closeSync(0)'],
    ['closed its stdout', 'fs.closeSync(1)'],
  ])('comes to a child that %s but stays', { timeout: LADDER_TIMEOUT_MS }, async (_name, act) => {
    const { child, exit, stderr } = await run(`import fs from 'node:fs';
      ${act}; fs.writeSync(2, 'done\\n'); ${STAY}`);
    await vi.waitUntil(() => stderr.length > 0);
    for (let sent = 0; sent < 100; sent += 1) child.send('x'.repeat(1 << 16));
    expect(await exit).toMatchObject({ signal: 'SIGTERM', requested: false });
  });
});

describe('a child that cannot be started', () => {
  const options: ChildOptions = {
    command: process.execPath,
    args: [],
    cwd: '/',
    env: { SECRET: 'canary' },
    maxLineBytes: 1000,
    onLine: () => {},
    onOversize: () => {},
    onStderr: () => {},
    onExit: () => {},
  };

  async function refusal(more: Partial<ChildOptions>): Promise<{ code: string; message: string }> {
    const error: unknown = await startChild({ ...options, ...more }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'ChildError' });
    expect(inspect(error, { depth: 5 })).not.toContain('canary');
    return error as { code: string; message: string };
  }

  it.each([
    ['a missing command', { command: '/no/such' }, 'not_found', 'no such file'],
    ['a relative command', { command: 'node' }, 'failed', 'no absolute path'],
    ['a folder as command', { command: '/' }, 'not_executable', 'mode +x'],
    ['a missing folder', { cwd: '/no/such' }, 'cwd', '"/no/such" does not exist'],
    ['a file as folder', { cwd: process.execPath }, 'cwd', 'not a folder'],
    ['too long arguments', { args: ['canary'.repeat(1 << 20)] }, 'limit', 'longer than the system allows'],
    ['NUL in an argument', { args: ['canary\0'] }, 'failed', 'ERR_INVALID_ARG_VALUE'],
  ])('%s', async (_name, more, code, text) => {
    const { code: actual, message } = await refusal(more);
    expect([actual, message]).toEqual([code, expect.stringContaining(text)]);
  });

  it('a file that is not executable, or whose interpreter is missing', async () => {
    const path = join(folder, 'program');
    await writeFile(path, '#!/no/such/interpreter\n', { mode: 0o644 });
    expect(await refusal({ command: path })).toMatchObject({ code: 'not_executable' });
    await chmod(path, 0o755);
    expect(await refusal({ command: path })).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('interpreter'),
    });
  });

  it.skipIf(process.getuid?.() === 0)(
    'a folder that may not be entered (root may enter all: needs another user)',
    async () => {
      const cwd = await mkdtemp(join(folder, 'closed-'));
      await chmod(cwd, 0o600);
      expect(await refusal({ cwd })).toMatchObject({
        code: 'cwd',
        message: expect.stringContaining('may not be entered'),
      });
    },
  );

  it('REL-10 too many open files', async () => {
    const harness = await script(`import fs from 'node:fs';
      import { startChild } from ${JSON.stringify(new URL('child.ts', import.meta.url).href)};
      const nothing = () => {};
      try { for (;;) fs.openSync('/dev/null') } catch {}
      const error = await startChild({ command: process.execPath, args: [], cwd: '/', env: {}, maxLineBytes: 1,
        onLine: nothing, onOversize: nothing, onStderr: nothing, onExit: nothing }).catch((caught) => caught);
      fs.writeSync(1, error.code + ' ' + error.message);`);
    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      'ulimit -n 64; exec "$0" "$1"',
      process.execPath,
      harness,
    ]);
    expect(stdout).toMatch(/^limit .*EMFILE.*ulimit -n/);
  });
});

describe('the reaper of a child', () => {
  function recorder(): { reaper: Reaper; said: string[] } {
    const said: string[] = [];
    const reaper: Reaper = {
      arm: () => void said.push('arm'),
      watch: (pid) => {
        // It has just been spawned, so even one that is dead has not been reaped.
        process.kill(pid, 0);
        said.push('watch');
        return () => void said.push(`back, ${isRunning(pid) ? 'running' : 'gone'}`);
      },
      close: () => Promise.resolve(),
    };
    return { reaper, said };
  }

  it('is armed before the spawn, told of it at once, and again when the group is gone', async () => {
    const { reaper, said } = recorder();
    const { child, exit, line } = await run(`${GRANDCHILD()} process.stdin.on('data', () => process.exit(3));`, {
      reaper,
    });
    await line(0);
    expect(said).toEqual(['arm', 'watch']);
    child.send('{}');
    await exit;
    // The grandchild lives: the group is still to be watched.
    expect(said).toEqual(['arm', 'watch']);
    child.destroy();
    await child.close();
    expect(new Set(said.slice(2))).toEqual(new Set(['back, gone']));
  });

  it('is not told of a child that was not started', async () => {
    const { reaper, said } = recorder();
    await expect(run('', { command: '/no/such', reaper })).rejects.toMatchObject({ code: 'not_found' });
    expect(said).toEqual(['arm']);
  });
});

describe('killAllOnExit', () => {
  /** A process with a child and a deaf grandchild, which does `act` when both run. */
  const harness = (act: string): Promise<string> =>
    script(`import { startChild } from ${JSON.stringify(new URL('child.ts', import.meta.url).href)};
      import { killAllOnExit } from ${JSON.stringify(new URL('child-group.ts', import.meta.url).href)};
      const children = new Set();
      const takeBack = killAllOnExit(children);
      const nothing = () => {};
      const child = await startChild({ command: process.execPath, args: [process.argv[2]], cwd: '/', env: {}, maxLineBytes: 1000,
        onOversize: nothing, onStderr: nothing, onExit: nothing,
        onLine: (line) => process.stdout.write('[' + child.pid + ',' + JSON.parse(line).pid + ']\\n', () => { ${act} }) });
      children.add(child);`);

  it.each([
    ['exits', 'process.exit(3)', 3, null],
    ['fails', "throw new Error('boom')", 1, null],
    ['is interrupted', "process.kill(process.pid, 'SIGINT')", null, 'SIGINT'],
    ['is terminated', "process.kill(process.pid, 'SIGTERM')", null, 'SIGTERM'],
    ['is hung up', "process.kill(process.pid, 'SIGHUP')", null, 'SIGHUP'],
    [
      'ends in its own way',
      "process.on('SIGTERM', () => process.exit(8)); process.kill(process.pid, 'SIGTERM')",
      8,
      null,
    ],
  ])('leaves nobody behind when this process %s', async (_name, act, code, signal) => {
    const tree = await script(`${GRANDCHILD()} ${DEAF}`);
    const keeper = spawn(process.execPath, [await harness(act), tree], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    keeper.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await once(keeper, 'close')).toEqual([code, signal]);
    const pids = JSON.parse(output) as number[];
    strays.push(...pids);
    await vi.waitUntil(() => !pids.some(isRunning));
  });

  it('leaves a signal to others that listen to it', () => {
    const destroy = vi.fn<() => void>();
    const listener = vi.fn<() => void>();
    const takeBack = killAllOnExit([{ destroy }]);
    process.on('SIGHUP', listener);
    process.emit('SIGHUP', 'SIGHUP');
    process.off('SIGHUP', listener);
    takeBack();
    expect(listener).toHaveBeenCalledOnce();
    expect(destroy).not.toHaveBeenCalled();
  });

  it('can be taken back', async () => {
    const tree = await script(`${GRANDCHILD()} ${DEAF}`);
    const act =
      "takeBack(); console.log(process.listenerCount('exit') + process.listenerCount('SIGTERM')); process.exit(0)";
    const { stdout } = await promisify(execFile)(process.execPath, [await harness(act), tree]);
    const [pids, listeners] = stdout.split('\n');
    strays.push(...(JSON.parse(pids!) as number[]));
    expect(listeners).toBe('0');
    expect(strays.filter(isRunning)).toHaveLength(2);
  });
});
