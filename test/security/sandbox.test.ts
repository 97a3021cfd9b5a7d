/**
 * Escapes tried for real through `sallyport serve`: by the child of a gateway that is root and of one that is nobody, under both
 * levels with a cage. What the drivers do by themselves is tested in packages/host/src/sandbox.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { chmod, readdir, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  childUid,
  gatewayUsers,
  hostile,
  levelsHere,
  openYard,
  serveIn,
  type Serving,
  type Yard,
} from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const CANARY = 'canary-51e0c2';
const LEVELS = await levelsHere('sandbox.test.ts');
const CASES = gatewayUsers('sandbox.test.ts').flatMap((user) => LEVELS.map((level) => ({ user, level })));

const UNREACHABLE = expect.stringMatching(/^(ENETUNREACH|EHOSTUNREACH|EACCES)$/) as unknown;
const GONE = expect.stringMatching(/^(ENOENT|EACCES)$/) as unknown;
const REFUSED = expect.stringMatching(/^(ENOENT|EACCES|EROFS|EPERM|EBUSY)$/) as unknown;

describe.each(CASES)('a child of the gateway of $user under $level', ({ user, level }) => {
  let yard: Yard;
  let serving: Serving;

  beforeAll(async () => {
    yard = await openYard(user);
    await yard.put('outside/secret.txt', CANARY);
    await yard.put('work-evil/secret.txt', CANARY);
    const token = await yard.putOwn('token.txt', CANARY);
    for (const name of ['HEAD', 'config', 'hooks/pre-commit']) await yard.put(`work/.git/${name}`, 'ref');
    const write = level === 'strict' ? { write: ['work'] } : {};
    const mad = { level, processes: 64, memory: '1 GiB', ...write };
    serving = await serveIn(
      yard,
      {
        mad: hostile(mad, { env: { MINE: 'configured', TOKEN: `\${file:${token}}` } }),
        wide: hostile({ level, write: [yard.folder] }, { cwd: yard.folder }),
      },
      { env: { CANARY } },
    );
  }, TIMEOUT_MS);
  afterAll(async () => {
    await serving[Symbol.asyncDispose]();
    await yard[Symbol.asyncDispose]();
  });

  const evaluate = (code: string, server?: string): Promise<unknown> => serving.evaluate(code, server);

  it('SBX-05 reads its folder, and neither the state, the configuration, secrets, shadow nor homes', async () => {
    const tried = [
      ...['state', 'state/state.db', 'state/master.key', 'sallyport.json', 'token.txt'].map(yard.at),
      ...['outside/secret.txt', 'work-evil/secret.txt', 'work/../token.txt'].map(yard.at),
      '/etc/shadow',
      '/root/.bashrc',
      '/proc/1/root/etc/shadow',
      '/sys/kernel',
      '/run/systemd',
      '/var/lib',
    ];
    expect(statSync(yard.at('state/state.db')).isFile()).toBe(true);
    const results = await evaluate(`const look = (path) => attempt(() => fs.statSync(path).size);
      return [await attempt(() => String(fs.readFileSync('seen.txt'))), ...await Promise.all(${JSON.stringify(tried)}.map(look))]`);
    expect(results).toEqual(['seen', ...tried.map(() => GONE)]);
  });

  it('SBX-05 does not see what is hidden inside a folder that it was given', async () => {
    const names = ['state', 'sallyport.json', 'token.txt'];
    const results = await evaluate(
      `const results = [];
       for (const name of ${JSON.stringify(names)}) {
         results.push(await attempt(() => fs.statSync(name).isDirectory() ? fs.readdirSync(name).join() : String(fs.readFileSync(name))));
         results.push(await attempt(() => fs.writeFileSync(name === 'state' ? 'state/local.key' : name, 'forged')));
         results.push(await attempt(() => fs.renameSync(name, name + '.moved')));
       }
       return results`,
      'wide',
    );
    expect(results).toEqual(
      names.flatMap(() => [expect.stringMatching(/^(|E.*)$/), expect.not.stringMatching(/^done$/), REFUSED]),
    );
    expect(await readFile(yard.at('token.txt'), 'utf8')).toBe(CANARY);
    expect(await readFile(yard.at('sallyport.json'), 'utf8')).toContain('mcpServers');
  });

  it('SBX-05 does not see a configuration that was replaced where it would be seen: it is ended at once', async () => {
    const look = (): Promise<unknown> =>
      evaluate(`return await attempt(() => String(fs.readFileSync('sallyport.json')))`, 'wide');
    const hidden = expect.stringMatching(/^(|EACCES)$/) as unknown;
    expect(await look()).toEqual(hidden);
    const text = await readFile(yard.at('sallyport.json'), 'utf8');
    // As an editor saves.
    const next = await yard.putOwn('sallyport.json.new', `${text}\n`);
    await chmod(next, 0o600);
    await rename(next, yard.at('sallyport.json'));
    await serving.running.untilLine(/a hidden file was replaced where a server could see it/);
    await expect.poll(() => look().catch(String), { timeout: 20_000 }).toEqual(hidden);
  });

  it('SBX-05 writes in its folder, but not what others run later, and nowhere else', async () => {
    const later = [
      '.git/hooks/pre-commit',
      '.git/config',
      '.mcp.json',
      '.vscode/mcp.json',
      '.cursor/mcp.json',
      '.claude/settings.json',
    ];
    const elsewhere = ['/usr/x', '/etc/x', '/x', '/proc/sys/kernel/core_pattern', yard.at('outside/secret.txt')];
    const results = await evaluate(`const write = (path) => attempt(() => fs.writeFileSync(path, 'evil'));
      return [await write('made.txt'), ...await Promise.all(${JSON.stringify([...later, ...elsewhere])}.map(write)), await attempt(() => fs.renameSync('.git', 'git'))]`);
    expect(results).toEqual(['done', ...[...later, ...elsewhere, ''].map(() => REFUSED)]);
    expect(await readFile(yard.at('work/made.txt'), 'utf8')).toBe('evil');
    expect(await readFile(yard.at('outside/secret.txt'), 'utf8')).toBe(CANARY);
    expect(await readdir(yard.at('work/.git/hooks'))).toEqual(['pre-commit']);
  });

  it.runIf(level === 'standard')(
    'P4-04 reaches nothing that tells a machine of a cloud its credentials (of the level standard)',
    async () => {
      const results = await evaluate(`const dgram = await import('node:dgram');
      const way = (host, port) => attempt(() => new Promise((resolve, reject) => { const socket = dgram.createSocket('udp4').on('error', reject);
        socket.connect(port, host, (error) => error ? reject(error) : resolve('a way')) }));
      return await Promise.all([way('169.254.169.254', 80), way('168.63.129.16', 80), way('169.254.169.254', 53)])`);
      expect(results).toEqual([UNREACHABLE, UNREACHABLE, 'a way']);
    },
  );

  it('P4-04 reaches neither the gateway nor another port, socket or name of this machine', async () => {
    let connections = 0;
    const listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const own = Number(new URL(serving.url).port);
    const results =
      await evaluate(`const route = /^\\S+\\s+00000000\\s+(\\S+)/m.exec(fs.readFileSync('/proc/net/route', 'utf8'))?.[1];
      const outer = route ? Buffer.from(route, 'hex').reverse().join('.') : '127.0.0.1';
      return await Promise.all([${port}, ${own}].flatMap((port) => ['127.0.0.1', '::1', '0.0.0.0', outer].map((host) => connect({ port, host }))))`);
    listener.close();
    expect(results).not.toContain('connected');
    expect(connections).toBe(0);
    expect(serving.running.lines.join('\n')).not.toMatch(/hostile.*\/mcp/);
  });

  it.runIf(level === 'strict')('P4-04 has no network at all, names included (of the level strict)', async () => {
    const results =
      await evaluate(`const dns = await import('node:dns/promises'); const dgram = await import('node:dgram');
      const udp = attempt(() => new Promise((resolve, reject) => { const socket = dgram.createSocket('udp4'); socket.on('error', reject);
        socket.send('x', 53, '192.0.2.1', (error) => error ? reject(error) : resolve('sent')) }));
      return [Object.values((await import('node:os')).networkInterfaces()).flat().filter(({ internal }) => !internal).length,
        await attempt(() => dns.resolve4('example.com')), await connect({ port: 443, host: '192.0.2.1' }), await udp]`);
    const [interfaces, ...rest] = results as [number, ...string[]];
    expect([interfaces, rest]).toEqual([0, rest.map(() => expect.stringMatching(/^E/))]);
  });

  it('P4-03 sees its own processes alone, and ends or traces nobody', async () => {
    const gateway = serving.running.pid;
    const results = await evaluate(`const seen = fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name));
      return [seen.length < 10, await attempt(() => process.kill(${gateway}, 'SIGKILL')), await attempt(() => fs.readFileSync('/proc/${gateway}/environ')),
        child.spawnSync('perl', ['-e', 'print syscall(101, 16, 1, 0, 0) == -1 ? $! + 0 : "traced"']).stdout.toString()]`);
    expect(results).toEqual([true, 'ESRCH', 'ENOENT', '1']);
  });

  it('P4-02 is another user than root, without rights, and can gain none', async () => {
    const status = (await evaluate(`return String(fs.readFileSync('/proc/self/status'))`)) as string;
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\\s0{16}$`, 'm'));
    }
    expect(status).toMatch(/^NoNewPrivs:\s1$/m);
    expect(status).toMatch(/^Seccomp:\s2$/m);
    await evaluate(`fs.writeFileSync('whose.txt', '')`);
    expect(statSync(yard.at('work/whose.txt')).uid).toBe(childUid);
  });

  it('P1-10 P3-08 TOK-07 has the variables it was given and no other, and no descriptor of the gateway', async () => {
    const results = (await evaluate(
      `return [process.env, fs.readdirSync('/proc/self/fd').flatMap((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return [] } })]`,
    )) as [Record<string, string>, string[]];
    const [env, descriptors] = results;
    expect(Object.keys(env).toSorted()).toEqual(['HOME', 'LANG', 'MINE', 'PATH', 'PWD', 'TMPDIR', 'TOKEN']);
    expect(env).toMatchObject({ HOME: '/home/server', MINE: 'configured', TOKEN: CANARY });
    expect(Object.values(env).filter((value) => value === CANARY)).toHaveLength(1);
    expect(
      descriptors.filter(
        (target) => target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith('/proc/'),
      ),
    ).toEqual([]);
  });

  it('SBX-05 makes none of the system calls that lead out', async () => {
    const tried = [
      'unshare -U true',
      'mount -t tmpfs none /tmp',
      'keyctl show',
      'su -c id',
      'sudo -n id',
      'chroot / true',
      'dmesg',
    ];
    const results = await evaluate(
      `return ${JSON.stringify(tried)}.map((line) => child.spawnSync('/bin/sh', ['-c', line]).status)`,
    );
    expect(results).toEqual(tried.map(() => expect.not.toBeOneOf([0, null])));
  });

  it(
    'P1-17 SBX-09 forks, fills and eats no more than it may, and others answer meanwhile',
    { timeout: TIMEOUT_MS },
    async () => {
      const forks =
        await evaluate(`const out = child.spawnSync('perl', ['-e', 'setpgrp; my $n = 0; for (1..200) { my $pid = fork; last unless defined $pid; if (!$pid) { sleep 20; exit } $n++ } $| = 1; print $n; kill 9, -$$']);
      return Number(String(out.stdout) || 0)`);
      expect(forks).toBeLessThan(64);
      const filled =
        await evaluate(`const fd = fs.openSync('/tmp/hog', 'w'); const block = Buffer.alloc(1 << 20); let written = 0;
      const error = await attempt(() => { while (written < 400) { fs.writeSync(fd, block); written += 1 } }); fs.closeSync(fd); fs.unlinkSync('/tmp/hog'); return [error, written]`);
      expect(filled).toEqual(['ENOSPC', 256]);
      // All of it is that of one child: the other server answers.
      const hog = `const out = child.spawnSync('perl', ['-e', 'my $hog = "x" x (2 * 1024 * 1024 * 1024); print "got it"']); return String(out.stdout)`;
      const [eaten, other] = await Promise.all([evaluate(hog).catch(() => 'killed'), evaluate('return 1', 'wide')]);
      expect([eaten, other]).toEqual([expect.not.stringContaining('got it'), 1]);
    },
  );

  it('is told in `list` and in the log', async () => {
    const servers = await serving.list();
    const { sandbox } = servers.find(({ name }) => name === 'mad') ?? {};
    expect(sandbox).toMatchObject({ level, summary: expect.stringMatching(`^${level}: bubblewrap, seccomp`) });
    const started = serving.running.lines.filter((line) => line.includes('a child is started'));
    expect(started.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ server: 'mad', sandbox: expect.stringMatching(`^${level}: bubblewrap, seccomp`) }),
    );
  });
});
