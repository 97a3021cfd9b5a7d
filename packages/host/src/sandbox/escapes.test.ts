/** Escapes tried for real, by a child of a gateway that is root and of one that is nobody. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  realpath,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { detectCgroup } from './cgroup.ts';
import { NOBODY } from './level.ts';
import { REFUSED, UNIMPLEMENTED } from './syscalls.ts';
import {
  type CagedSpec,
  evaluateCaged,
  GATEWAY_USERS,
  isRoot,
  levelsHere,
  runCaged,
  startCaged,
} from './testing/caged.ts';

const TIMEOUT_MS = 60_000;
const CANARY = 'canary-7c1d';
const PERL = '/usr/bin/perl';

let folder = '';
let servers: Server[] = [];

/** Layout: `state` (hidden), `work` (writable), `work-evil` (a sibling), `other` (another home), `filter`. */
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-escapes-')));
  await chmod(folder, 0o755);
  await own(folder);
  for (const name of ['state', 'work', 'work-evil', 'other', 'filter', 'work/.git', 'work/.git/hooks']) {
    await mkdir(join(folder, name));
    await own(join(folder, name));
  }
  for (const name of [
    'state/tokens',
    'work-evil/secret',
    'other/secret',
    'work/seen',
    'work/.git/HEAD',
    'work/.git/config',
  ]) {
    await writeFile(join(folder, name), CANARY);
    await own(join(folder, name));
  }
});
afterEach(async () => {
  for (const server of servers) server.close();
  servers = [];
  await removeGroups();
  await rm(folder, { recursive: true, force: true });
});

/** A gateway that was killed leaves its control groups, now empty, behind. */
async function removeGroups(): Promise<void> {
  const { parents = {} } = (await detectCgroup('/proc/self')) ?? {};
  for (const parent of new Set(Object.values(parents))) {
    const left = (await readdir(parent)).filter((name) => name.startsWith(basename(folder)));
    await Promise.all(left.map((name) => rmdir(join(parent, name))));
  }
}

/** So that not the modes of files, but the sandbox keeps them. */
async function own(path: string): Promise<void> {
  if (isRoot) await chown(path, NOBODY.uid, NOBODY.gid);
}

async function listening(
  address: number | string,
): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.end();
  }).listen(typeof address === 'number' ? { port: address, host: '127.0.0.1' } : { path: address });
  servers.push(server);
  await once(server, 'listening');
  const bound = server.address();
  return { port: typeof bound === 'object' && bound !== null ? bound.port : 0, connections: () => connections };
}

const connect = (where: string): string =>
  `attempt(() => new Promise((resolve, reject) => { net.connect(${where}).on('connect', () => resolve('connected')).on('error', reject).setTimeout(3000, () => resolve('silent')) }))`;

const LEVELS = await levelsHere('escapes.test.ts');
const CASES = GATEWAY_USERS.flatMap((user) => LEVELS.map((level) => ({ user, level })));

describe.each(CASES)('a child of $user under $level', ({ user, level }) => {
  const spec = async (more: Partial<CagedSpec> = {}): Promise<CagedSpec> => {
    const filter = join(folder, 'filter');
    if (isRoot && user === 'this user') await chown(filter, 0, 0);
    return {
      level,
      folder: filter,
      write: [join(folder, 'work')],
      cwd: join(folder, 'work'),
      hidden: [join(folder, 'state')],
      ...more,
    };
  };

  it(
    'SBX-05 reads neither state nor shadow nor other homes, and its own folder only',
    { timeout: TIMEOUT_MS },
    async () => {
      const paths = ['state/tokens', 'work-evil/secret', 'other/secret', 'filter', 'work/../state/tokens'].map((name) =>
        join(folder, name),
      );
      const tried = [
        ...paths,
        '/etc/shadow',
        '/root',
        '/home/server/.ssh',
        '/proc/1/root/etc/shadow',
        '/sys',
        '/run',
        '/var',
      ];
      const results = await evaluateCaged(
        user,
        await spec(),
        `const read = (path) => attempt(() => String(readFileSync(path)));
       return [await read('${folder}/work/seen'), ...await Promise.all(${JSON.stringify(tried)}.map(read))]`,
      );
      expect(results).toEqual([CANARY, ...tried.map(() => expect.stringMatching(/^(ENOENT|EACCES)$/))]);
    },
  );

  it('SBX-05 does not see the state inside a folder that it may write', { timeout: TIMEOUT_MS }, async () => {
    const inside = await spec({ write: [folder], cwd: folder });
    const results = await evaluateCaged(
      user,
      inside,
      `const results = [await attempt(() => readdirSync('${folder}/state'))];
       results.push(await attempt(() => writeFileSync('${folder}/state/tokens', 'forged')));
       results.push(await attempt(() => renameSync('${folder}/state', '${folder}/moved')));
       return results`,
    );
    expect(results).toEqual([[], 'EROFS', 'EBUSY']);
    expect(await readFile(join(folder, 'state/tokens'), 'utf8')).toBe(CANARY);
  });

  it('SBX-05 writes nowhere but in its folder', { timeout: TIMEOUT_MS }, async () => {
    const tried = [
      '/usr/x',
      '/etc/x',
      '/x',
      '/dev/x',
      '/home/x',
      '/proc/sys/kernel/core_pattern',
      '/proc/sysrq-trigger',
    ];
    const results = await evaluateCaged(
      user,
      await spec(),
      `const write = (path) => attempt(() => writeFileSync(path, 'x'));
       symlinkSync('../state/tokens', 'link');
       // Above its folder is its own /tmp.
       await write('${folder}/x');
       return [await write('${folder}/work/made'), await write('link'), ...await Promise.all(${JSON.stringify(tried)}.map(write))]`,
    );
    expect(results).toEqual([
      'done',
      ...['link', ...tried].map(() => expect.stringMatching(/^(EROFS|EACCES|ENOENT|EPERM)$/)),
    ]);
    expect(await readFile(join(folder, 'work/made'), 'utf8')).toBe('x');
    expect(await readdir(folder)).not.toContain('x');
  });

  it('SBX-05 neither writes nor replaces what others run later', { timeout: TIMEOUT_MS }, async () => {
    const results = await evaluateCaged(
      user,
      await spec(),
      `const results = [];
       for (const path of ['.git/hooks/pre-commit', '.git/config', '.git/commondir', '.mcp.json', '.vscode/mcp.json', '.cursor/mcp.json', '.claude/settings.json', '.envrc'])
         results.push(await attempt(() => writeFileSync(path, 'evil')));
       results.push(await attempt(() => renameSync('.git', 'git')));
       results.push(await attempt(() => unlinkSync('.mcp.json')));
       results.push(await attempt(() => renameSync('.claude', 'claude')));
       results.push(await attempt(() => writeFileSync('.git/index', 'mine')));
       return results`,
    );
    const refused = expect.stringMatching(/^(EROFS|EACCES|EBUSY|EPERM)$/) as unknown;
    expect(results).toEqual([...Array.from({ length: 11 }, () => refused), 'done']);
    const work = join(folder, 'work');
    expect((await readdir(work)).toSorted()).toEqual(['.git', 'seen']);
    expect(await readdir(join(work, '.git/hooks'))).toEqual([]);
    expect((await readdir(join(work, '.git'))).toSorted()).toEqual(['HEAD', 'config', 'hooks', 'index']);
  });

  it('P4-04 reaches no port and no socket of this machine', { timeout: TIMEOUT_MS }, async () => {
    const port = await listening(0);
    const abstract = `sallyport-escapes-${process.pid}-${port.port}`;
    const hidden = await listening(`\0${abstract}`);
    const path = await listening(join(folder, 'other/socket'));
    await chmod(join(folder, 'other/socket'), 0o777);
    const targets = [
      `{ port: ${port.port}, host: '127.0.0.1' }`,
      `{ path: '\\0${abstract}' }`,
      `{ path: '${folder}/other/socket' }`,
    ];
    const results = await evaluateCaged(
      user,
      await spec(),
      `const results = await Promise.all([${targets.map(connect).join(',')}]);
       const { gateway } = { gateway: /^\\S+\\s+00000000\\s+(\\S+)/m.exec(readFileSync('/proc/net/route', 'utf8'))?.[1] };
       const host = gateway && Buffer.from(gateway, 'hex').reverse().join('.');
       if (host) results.push(await ${connect(`{ port: ${port.port}, host }`)});
       return results`,
    );
    expect(results).not.toContain('connected');
    expect([port.connections(), hidden.connections(), path.connections()]).toEqual([0, 0, 0]);
  });

  it('P4-03 sees neither the gateway nor its processes, and ends none of them', { timeout: TIMEOUT_MS }, async () => {
    const results = await evaluateCaged(
      user,
      await spec(),
      `const seen = readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length;
       const pid = Number(process.env.GATEWAY_PID);
       return [seen < 10, await attempt(() => process.kill(pid, 'SIGKILL')), await attempt(() => process.kill(-1, 0))]`,
    );
    expect(results).toEqual([true, 'ESRCH', expect.anything()]);
  });

  it('P4-02 has no capabilities, no new privileges and a filter', { timeout: TIMEOUT_MS }, async () => {
    const status = await evaluateCaged(user, await spec(), `return String(readFileSync('/proc/self/status'))`);
    expect(status).toMatch(/^CapEff:\s0{16}$/m);
    expect(status).toMatch(/^CapBnd:\s0{16}$/m);
    expect(status).toMatch(/^NoNewPrivs:\s1$/m);
    expect(status).toMatch(/^Seccomp:\s2$/m);
    // Whom a file of its belongs to is told by the machine itself, not by the child's user namespace.
    await evaluateCaged(user, await spec(), `return writeFileSync('made', '') ?? 'done'`);
    expect((await stat(join(folder, 'work/made'))).uid).toBe(isRoot ? NOBODY.uid : process.getuid?.());
  });

  it('P1-10 holds no descriptor and no variable of the gateway', { timeout: TIMEOUT_MS }, async () => {
    const file = await open(join(folder, 'state/tokens'));
    const shell = { command: '/bin/sh', args: ['-c', 'ls /proc/self/fd; env'] };
    const { stdout } = await runCaged(user, { ...(await spec()), ...shell, leaked: file.fd });
    await file.close();
    const lines = stdout.trim().split('\n');
    const descriptors = lines.filter((line) => /^\d+$/.test(line));
    // The fourth is that of the folder which is listed.
    expect(descriptors).toEqual(['0', '1', '2', '3']);
    const names = lines.slice(descriptors.length).map((line) => line.split('=')[0]);
    expect(new Set(names)).toEqual(new Set(['GATEWAY_PID', 'HOME', 'PATH', 'PWD', 'TMPDIR']));
  });

  it('SBX-05 makes no system call that the filter refuses', { timeout: TIMEOUT_MS }, async () => {
    const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
    const rows = [...REFUSED, ...UNIMPLEMENTED].filter((row) => row[arch] !== undefined && row.name !== 'modify_ldt');
    const numbers = rows.map((row) => row[arch]);
    const source = `for my $n (${numbers.join(',')}) { my $r = syscall($n, 0, 0, 0, 0, 0); print $r == -1 ? $! + 0 : "done", "\\n" }`;
    const { stdout } = await runCaged(user, { ...(await spec()), command: PERL, args: ['-e', source] });
    const errors = stdout.trim().split('\n');
    expect(rows.map((row, index) => [row.name, errors[index]])).toEqual(
      rows.map((row) => [row.name, UNIMPLEMENTED.includes(row) ? '38' : '1']),
    );
  });

  it('SBX-09 forks no more than it may', { timeout: TIMEOUT_MS }, async () => {
    const source = `my $made = 0; for (1..200) { my $pid = fork; last unless defined $pid; if (!$pid) { sleep 60; exit } $made++ } print $made; kill 9, -1`;
    const limited = { ...(await spec()), command: PERL, args: ['-e', source], processes: 40 };
    const { stdout, stderr } = await runCaged(user, limited);
    expect([Number(stdout) > 10, Number(stdout) <= 40, stderr]).toEqual([true, true, expect.any(String)]);
  });

  it('P4-01 gets no more memory than it may', { timeout: TIMEOUT_MS }, async () => {
    const source = `$| = 1; print "begun\\n"; my $n = 512 * 1024 * 1024; my $hog = "x" x $n; print "got it\\n"`;
    const limited = { ...(await spec()), command: PERL, args: ['-e', source], memoryBytes: 256 * 1024 * 1024 };
    const { stdout, code } = await runCaged(user, limited);
    expect(stdout).toBe('begun\n');
    expect(code).not.toBe(0);
  });

  it('SBX-09 fills no more than its temporary files', { timeout: TIMEOUT_MS }, async () => {
    const result = await evaluateCaged(
      user,
      await spec(),
      `const { openSync, writeSync } = require('node:fs');
       const fd = openSync('/tmp/hog', 'w'); const block = Buffer.alloc(1 << 20); let written = 0;
       const error = await attempt(() => { while (written < 400) { writeSync(fd, block); written += 1 } });
       return [error, written]`,
    );
    expect(result).toEqual(['ENOSPC', 256]);
  });

  it('SBX-09 leaves no grandchild when the gateway is killed', { timeout: TIMEOUT_MS }, async () => {
    const mark = `${5000 + Math.floor(Math.random() * 1e6)}.25`;
    const gateway = startCaged(user, {
      ...(await spec()),
      command: '/bin/sh',
      args: ['-c', `setsid sleep ${mark} & echo up; sleep ${mark}`],
    });
    gateway.stderr.resume();
    await once(gateway.stdout, 'data');
    await vi.waitUntil(async () => (await sleepers(mark)).length === 2, { timeout: 20_000, interval: 20 });
    // setpriv has become the gateway: they are one process.
    process.kill(gateway.pid ?? 0, 'SIGKILL');
    await vi.waitFor(async () => expect(await sleepers(mark)).toEqual([]), { timeout: 20_000, interval: 20 });
  });
});

async function sleepers(mark: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${mark}\0`;
    } catch {
      return false;
    }
  });
}
