/** Servers in containers that are made for them: by a real engine, where one works here, and otherwise not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startChild } from '@sallyport/host';
import { createDetect, createSandboxes, planSandbox, surveyPaths } from '@sallyport/host/sandbox';
import { engineHere } from './sandbox-engine-support.ts';
import { childUid, hostile, isRoot, openYard, serveIn, type Serving, type Yard } from './sandbox-support.ts';

const TIMEOUT_MS = 60_000;
const TEST = 'sandbox-engine.test.ts';
const here = await engineHere(TEST);
const { ask = () => Promise.resolve(''), image = '' } = here ?? {};
/** What is promised is three seconds; what is waited for longer is a machine that is busy. */
const GONE = { timeout: 15_000, interval: 50 };

const running = async (): Promise<readonly string[]> =>
  (await ask('ps', '--all', '--filter', `label=sallyport.host=${hostname()}`, '--format', '{{.Names}}'))
    .split('\n')
    .filter((name) => name !== '');
const ofGateway = async (pid: number): Promise<readonly string[]> =>
  (await running()).filter((name) => name.startsWith(`sallyport-${pid}-`));

afterAll(async () => await here?.[Symbol.asyncDispose]());

describe.skipIf(here === undefined)('a server in a container (needs Podman)', () => {
  it(
    'SBX-01 P1-05 sees its paths and nothing else, has no rights and no network',
    { timeout: TIMEOUT_MS },
    async () => {
      await using yard = await openYard('this user');
      await yard.put('work/.git/HEAD', 'ref: refs/heads/main');
      await yard.put('work/.git/hooks/pre-push', 'old');
      await yard.put('other/secret.txt', 'secret');
      const sandbox = { level: 'strict', image, write: ['work'], memory: '512 MiB', processes: 64 };
      await using serving = await serveIn(yard, { mad: hostile(sandbox, { env: { TOKEN: 'two\nlines' } }) });
      await ready(serving);
      const code = `return {
      uid: process.getuid(),
      token: process.env.TOKEN,
      seen: fs.readFileSync(${path(yard, 'work/seen.txt')}, 'utf8'),
      rights: fs.readFileSync('/proc/self/status', 'utf8').match(/(CapEff|NoNewPrivs|Seccomp):.*/g),
      tokens: await attempt(() => fs.readdirSync(${path(yard, 'state')})),
      config: await attempt(() => fs.readFileSync(${path(yard, 'sallyport.json')})),
      other: await attempt(() => fs.readFileSync(${path(yard, 'other/secret.txt')})),
      shadow: await attempt(() => fs.readFileSync('/etc/shadow')),
      written: await attempt(() => fs.writeFileSync(${path(yard, 'work/new.txt')}, 'new')),
      hook: await attempt(() => fs.writeFileSync(${path(yard, 'work/.git/hooks/pre-push')}, 'new')),
      moved: await attempt(() => fs.renameSync(${path(yard, 'work/.git')}, ${path(yard, 'work/got')})),
      system: await attempt(() => fs.writeFileSync('/usr/bin/evil', 'x')),
      temporary: await attempt(() => fs.writeFileSync('/tmp/a', 'x')),
      home: await attempt(() => fs.writeFileSync(process.env.HOME + '/a', 'x')),
      gateway: await connect({ host: '127.0.0.1', port: ${new URL(serving.url).port} }),
      outside: await connect({ host: '1.1.1.1', port: 53 }),
      processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length,
    };`;
      expect(await serving.evaluate(code)).toMatchObject({
        uid: childUid,
        token: 'two\nlines',
        seen: 'seen',
        rights: ['CapEff:\t0000000000000000', 'NoNewPrivs:\t1', 'Seccomp:\t2'],
        tokens: 'ENOENT',
        config: 'ENOENT',
        other: 'ENOENT',
        shadow: 'ENOENT',
        written: 'done',
        hook: expect.stringMatching(/^(?:EROFS|EACCES)$/),
        moved: 'EBUSY',
        system: 'EROFS',
        temporary: 'done',
        home: 'done',
        gateway: 'ECONNREFUSED',
        outside: 'ENETUNREACH',
        processes: 2,
      });
      expect(await readFile(yard.at('work/new.txt'), 'utf8')).toBe('new');
      const [listed] = await serving.list();
      expect(listed?.sandbox).toMatchObject({
        level: 'strict',
        summary: expect.stringContaining(`(${image}), seccomp`),
      });
      const shown = await ofGateway(serving.running.pid);
      expect(shown.length).toBe(1);
      // No command line tells a value of its environment.
      expect(await ask('inspect', '--format', '{{.Name}}', shown[0] ?? '')).toContain('sallyport-');
      await serving.running.stop();
      expect(await ofGateway(serving.running.pid)).toEqual([]);
    },
  );

  it(
    'P1-15 P1-17 is gone with a killed gateway, deaf as it may be, and what was left is swept',
    { timeout: TIMEOUT_MS },
    async () => {
      const left = `sallyport-${await gonePid()}-left`;
      const flags = `run --detach --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --label sallyport.host=${hostname()}`;
      await ask(...flags.split(' '), '--name', left, image, '/usr/bin/sleep', '600');
      await using yard = await openYard('this user');
      await using serving = await serveIn(yard, { mad: hostile({ level: 'strict', image }) });
      await ready(serving);
      await serving.evaluate("process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000); return 1;");
      expect(await running()).not.toContain(left);
      expect((await ofGateway(serving.running.pid)).length).toBe(1);
      process.kill(serving.running.pid, 'SIGKILL');
      await vi.waitFor(async () => expect(await ofGateway(serving.running.pid)).toEqual([]), GONE);
    },
  );

  it('SBX-05 reaches the hosts that are named, by the relay in its image', { timeout: TIMEOUT_MS }, async () => {
    const web = createServer((_request, response) => response.end('found')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    await using yard = await openYard('this user');
    await using serving = await serveIn(yard, {
      mad: hostile({ level: 'strict', image, network: [`127.0.0.1:${port}`] }),
    });
    await ready(serving);
    const get = (url: string): string =>
      `attempt(async () => { const answer = await fetch('${url}'); return [answer.status, await answer.text()]; })`;
    const code = `return [await ${get(`http://127.0.0.1:${port}/`)}, await ${get('http://example.com/')}, await connect({ host: '127.0.0.1', port: ${port} })];`;
    const [named, other, direct] = (await serving.evaluate(code)) as unknown[];
    expect(named).toEqual([200, 'found']);
    expect(other).toBe('TypeError: fetch failed');
    await serving.running.untilLine(/blocked example\.com:80; sallyport allow mad example\.com/);
    expect(direct).toBe('ECONNREFUSED');
    web.close();
  });

  it('SBX-14 does not start without its image, and says how to get it', { timeout: TIMEOUT_MS }, async () => {
    await using yard = await openYard('this user');
    const lacking = 'localhost/sallyport-no-such:1';
    await using serving = await serveIn(yard, { mad: hostile({ level: 'strict', image: lacking }) });
    await serving.call('mad__run', { code: 'return 1' });
    const [listed] = await serving.list();
    expect(JSON.stringify(listed)).toContain(`pull ${lacking}`);
  });
});

const DOCKER = '/usr/bin/docker /usr/local/bin/docker'.split(' ').find(existsSync);
const canServe = here?.engine.name === 'podman' && isRoot && DOCKER !== undefined;
if (!canServe)
  console.warn(`${TEST}: the command of Docker is skipped: it needs Docker's command, Podman's service and root.`);

describe.skipIf(!canServe)('the command of Docker, at the service of Podman (needs both)', () => {
  it('starts, speaks to and ends a container', { timeout: TIMEOUT_MS }, async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-docker-')));
    const socket = join(folder, 'engine.sock');
    const service = spawn(here?.engine.argv[0] ?? '', ['system', 'service', '--time', '0', `unix://${socket}`], {
      stdio: 'ignore',
    });
    try {
      await vi.waitFor(() => expect(existsSync(socket)).toBe(true), GONE);
      const find = (name: string): Promise<string | undefined> =>
        Promise.resolve(
          name === 'docker' ? DOCKER : ['bash', 'sh', 'env'].includes(name) ? `/usr/bin/${name}` : undefined,
        );
      const facts = await createDetect({ find, env: { DOCKER_HOST: `unix://${socket}` } })({ engine: true });
      expect(facts.engine).toMatchObject({ name: 'docker', seccomp: true });
      const script = `console.log(JSON.stringify([process.env.TOKEN, process.env.HTTP_PROXY, process.getuid()])); process.stdin.on('data', (data) => console.log('[' + data.toString().trim() + ']'))`;
      const env = { TOKEN: 'two\nlines', HTTP_PROXY: 'http://proxy' };
      const spec = {
        level: 'strict',
        image,
        command: process.execPath,
        args: ['-e', script],
        cwd: folder,
        env,
        hidden: [],
      } as const;
      const plan = planSandbox(spec, facts, await surveyPaths(spec));
      const groupName = (): string => `sallyport-${process.pid}-docker`;
      const launch = await createSandboxes({ folder: join(folder, 'state'), groupName }).prepare(plan);
      expect([launch.command, ...launch.args].join(' ')).not.toContain('two\nlines');
      const lines: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const child = await startChild({
        ...launch,
        maxLineBytes: 10_000,
        onLine: (line) => {
          lines.push(String(line));
          if (lines.length === 1) child.send('"heard"');
          else resolve();
        },
        onOversize: () => undefined,
        onStderr: (text) => lines.push(text),
        onExit: () => resolve(),
      });
      await promise;
      expect(lines).toEqual([JSON.stringify(['two\nlines', 'http://proxy', 65_534]), '["heard"]']);
      expect(await ofGateway(process.pid)).toEqual([groupName()]);
      await child.close();
      await launch.release();
      expect(await ofGateway(process.pid)).toEqual([]);
    } finally {
      service.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** A start takes longer than a first call waits, where the machine is busy. */
async function ready(serving: Serving): Promise<void> {
  await vi.waitFor(() => serving.evaluate('return 1'), GONE);
}

function path(yard: Yard, name: string): string {
  return JSON.stringify(yard.at(name));
}

/** The number of a process that has ended. */
async function gonePid(): Promise<number> {
  const child = spawn('/bin/true', { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}
