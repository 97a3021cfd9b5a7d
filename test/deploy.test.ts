/**
 * What `deploy/` and the Dockerfile promise, as far as it can be tried without Docker and without systemd running: the linters
 * of each format, the gateway started with the environment and the user that the container and the service give it, and both
 * proxies in front of a server that shows what arrives. Needs a build. Tools that a machine may not have come from
 * `deploy/tools.sh`; a test whose tool is missing says so.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { root } from '../scripts/workspace.ts';
import { createInbox } from './support/inbox.ts';
import { freePort, untilListening } from './support/port.ts';
import { run, start, type Finished, type Running, type StartOptions } from './support/process.ts';

const TIMEOUT_MS = 60_000;
/** Of the image and the service; any that is neither root nor ours will do. */
const UNPRIVILEGED = 65_532;
const isRoot = process.getuid?.() === 0;
const bin = join(root, 'packages/gateway/bin/sallyport.js');

const text = (path: string): string => readFileSync(join(root, path), 'utf8');

function onPath(tool: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
const missing = (...tools: string[]): boolean => tools.some((tool) => onPath(tool) === undefined);

const finished = (command: string, args: readonly string[], options: StartOptions = {}): Promise<Finished> =>
  run(command, args, { ...options, timeoutMs: TIMEOUT_MS });

let folder = '';
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-deploy-')));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Instruction {
  readonly name: string;
  readonly words: string;
}

/** The instructions of a Dockerfile: comments gone, continued lines joined. */
function instructions(source: string): Instruction[] {
  return source
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), words: line.slice(line.indexOf(' ') + 1) }));
}

const dockerfile = instructions(text('Dockerfile'));
const lastStage = dockerfile.slice(dockerfile.findLastIndex(({ name }) => name === 'FROM'));
const only = (name: string): string => {
  const found = lastStage.filter((each) => each.name === name);
  expect(found).toHaveLength(1);
  return found[0]!.words;
};
const imageEnv = (): Record<string, string> =>
  Object.fromEntries(
    only('ENV')
      .split(/\s+/)
      .map((pair) => pair.split('=', 2) as [string, string]),
  );
const healthCheck = (): string[] => JSON.parse(only('HEALTHCHECK').replace(/^.*?CMD /, '')) as string[];

interface Compose {
  readonly services: {
    readonly gateway: Readonly<Record<string, unknown>> & {
      readonly volumes: readonly string[];
      readonly ports: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly stop_grace_period: string;
    };
  };
}
const compose = parse(text('deploy/container/compose.yaml')) as Compose;
const containerConfig = text('deploy/container/config/sallyport.yaml');

describe('the image', () => {
  it('is built in two stages on one base that can be pinned, and the second runs nothing', () => {
    expect(dockerfile[0]).toEqual({
      name: 'ARG',
      words: expect.stringMatching(/^NODE_IMAGE=docker\.io\/library\/node:\d/),
    });
    expect(dockerfile.filter(({ name }) => name === 'FROM').map(({ words }) => words)).toEqual([
      '${NODE_IMAGE} AS build',
      '${NODE_IMAGE}',
    ]);
    expect(lastStage.filter(({ name }) => ['RUN', 'ADD', 'SHELL'].includes(name))).toEqual([]);
  });

  it('installs by the lock alone, without scripts, and ends with production dependencies', () => {
    const commands = dockerfile.filter(({ name }) => name === 'RUN').flatMap(({ words }) => words.split(/\s*&&\s*/));
    const installs = commands.filter((command) => /\bnpm\b/.test(command));
    expect(installs.every((command) => /^npm ci .*--ignore-scripts\b/.test(command))).toBe(true);
    expect(installs.at(-1)).toMatch(/--omit=dev\b/);
    expect(commands.findIndex((command) => command.startsWith('rm -rf node_modules'))).toBeLessThan(
      commands.indexOf(installs.at(-1)!),
    );
  });

  it('P2-18 runs as a number that is not 0, without a shell', () => {
    expect(only('USER')).toBe(`${UNPRIVILEGED}:${UNPRIVILEGED}`);
    for (const name of ['ENTRYPOINT', 'CMD']) expect(JSON.parse(only(name))).toEqual(expect.any(Array));
    expect(only('ENTRYPOINT')).toContain('/app/packages/gateway/bin/sallyport.js');
  });

  it('copies only what is there and what .dockerignore lets through', () => {
    const ignored = text('.dockerignore').split('\n');
    expect(ignored.find((line) => line !== '' && !line.startsWith('#'))).toBe('*');
    const sources = dockerfile
      .filter(({ name, words }) => name === 'COPY' && !words.startsWith('--from'))
      .flatMap(({ words }) => words.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(ignored).toContain(`!${source}`);
    }
  });

  it.skipIf(missing('hadolint'))('has nothing that hadolint finds (needs hadolint: deploy/tools.sh)', async () => {
    expect(await finished('hadolint', ['--no-color', 'Dockerfile'], { cwd: root })).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  it('is healthy while /readyz says so, and only then', async () => {
    const answer = { status: 200 };
    const server = createServer((incoming, response) => {
      response.writeHead(incoming.url === '/readyz' ? answer.status : 404).end();
    });
    const port = await listening(server);
    const [command, ...args] = healthCheck().map((word) => word.replace(':7420/', `:${port}/`));
    expect(command).toBe('node');
    expect(args.join(' ')).toContain(`:${port}/readyz`);
    const check = async (): Promise<number | null> => (await finished(process.execPath, args, { env: {} })).code;
    expect(await check()).toBe(0);
    answer.status = 503;
    expect(await check()).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    expect(await check()).toBe(1);
  });
});

describe('the compose file', () => {
  const { gateway } = compose.services;

  it('takes from the container what the gateway does not need', () => {
    expect(gateway).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      user: only('USER'),
      init: true,
      mem_limit: expect.any(String),
      pids_limit: expect.any(Number),
      tmpfs: [expect.stringMatching(/^\/tmp:.*nosuid,nodev,noexec,size=/)],
    });
    expect(gateway.ports).toEqual(['127.0.0.1:7420:7420']);
    expect(Object.keys(gateway.environment).filter((name) => !name.endsWith('_FILE'))).toEqual([]);
  });

  it('agrees with the image and the configuration', () => {
    const env = imageEnv();
    const targets = gateway.volumes.map((volume) => volume.split(':')[1]);
    expect(targets).toEqual([env['SALLYPORT_HOME'], dirname(env['SALLYPORT_CONFIG']!)]);
    expect(JSON.parse(only('VOLUME'))).toEqual([env['SALLYPORT_HOME']]);
    expect(healthCheck().join(' ')).toContain(':7420/readyz');
    // Drain 10 s, then the children's end 4 s.
    expect(Number.parseInt(gateway.stop_grace_period, 10)).toBeGreaterThan(14);
  });
});

const unit = text('deploy/systemd/sallyport.service');
const settings = new Map(
  unit
    .split('\n')
    .filter((line) => /^[A-Z]\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
);

describe('the systemd unit', () => {
  it('P2-18 P4-13 has what the page promises', () => {
    for (const [name, value] of [
      ['User', 'sallyport'],
      ['PrivateTmp', 'true'],
      ['ProtectSystem', 'strict'],
      ['ProtectHome', 'true'],
      ['NoNewPrivileges', 'true'],
      ['StateDirectory', 'sallyport'],
      ['KillMode', 'mixed'],
      ['ExecReload', '/bin/kill -HUP $MAINPID'],
      ['LoadCredential', 'master-key:/etc/sallyport/master-key'],
    ] as const)
      expect([name, settings.get(name)]).toEqual([name, value]);
    expect(unit).toContain('\nEnvironment=SALLYPORT_MASTER_KEY_FILE=%d/master-key\n');
    expect(Number.parseInt(settings.get('TimeoutStopSec')!, 10)).toBeGreaterThan(14);
    // V8 cannot live with it.
    expect(settings.has('MemoryDenyWriteExecute')).toBe(false);
  });

  it.skipIf(missing('systemd-analyze'))('is understood by systemd in every line (needs systemd-analyze)', async () => {
    const path = join(folder, 'sallyport.service');
    // Node may be elsewhere on this machine, and a missing program is an error.
    await writeFile(path, unit.replace('ExecStart=/usr/bin/node', `ExecStart=${process.execPath}`));
    expect(await finished('systemd-analyze', ['verify', path])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it.skipIf(missing('systemd-sysusers'))('has a user that systemd can make (needs systemd-sysusers)', async () => {
    const users = join(root, 'deploy/systemd/sallyport.sysusers.conf');
    const made = await finished('systemd-sysusers', ['--dry-run', users]);
    expect(made.code, made.stderr).toBe(0);
  });

  it.skipIf(missing('systemd-analyze'))(
    'exposes at most 2.9 of 10 by its own measure (needs systemd-analyze)',
    async () => {
      const path = join(folder, 'sallyport.service');
      await writeFile(path, unit);
      const found = await finished('systemd-analyze', [
        'security',
        '--no-pager',
        '--offline=true',
        '--threshold=29',
        path,
      ]);
      expect(found.code, found.stdout).toBe(0);
    },
  );
});

/** As `sallyport serve` of the container or service would be started on this machine: as another user, and nothing inherited. */
function serve(args: readonly string[], env: Readonly<Record<string, string>>, uid = UNPRIVILEGED): Running {
  const command = [process.execPath, bin, 'serve', ...args];
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--no-new-privs'];
  const [program, ...words] = isRoot && !missing('setpriv') ? [...user, ...command] : command;
  return start(program!, words, { env, cwd: '/' });
}

/** A folder of the user that the gateway runs as. */
async function ownFolder(name: string, uid = UNPRIVILEGED): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { mode: 0o700 });
  if (isRoot) await chown(path, uid, uid);
  return path;
}

/** Waits until it serves, makes one call through it, and ends it. */
async function tryOut(gateway: Running, port: number, state: string): Promise<void> {
  await gateway.untilLine(/is ready at/);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  const key = (await readFile(join(state, 'local.key'), 'utf8')).trim();
  const clientInfo = { name: 'deploy', version: '1' };
  const answer = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
    }),
  });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('"serverInfo"');
  process.kill(gateway.pid, 'SIGTERM');
  expect(await gateway.exit, gateway.stderr()).toEqual({ code: 0, signal: null });
}

const MASTER_KEY = `${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}\n`;

describe('the gateway as it is deployed', () => {
  it('starts with the environment and the configuration of the container', { timeout: TIMEOUT_MS }, async () => {
    const [state, port] = [await ownFolder('state'), await freePort()];
    const config = join(folder, 'sallyport.yaml');
    expect(containerConfig).toMatch(/^ {2}host: 0\.0\.0\.0$/m);
    // A port that is free here, and no address but loopback: what is listened on is not what is tried.
    await writeFile(config, containerConfig.replace('  host: 0.0.0.0', `  host: 0.0.0.0\n  port: ${port}`), {
      mode: 0o644,
    });
    const secret = join(folder, 'master-key');
    await writeFile(secret, MASTER_KEY, { mode: 0o400 });
    if (isRoot) await chown(secret, UNPRIVILEGED, UNPRIVILEGED);
    const env = { ...imageEnv(), SALLYPORT_HOME: state, SALLYPORT_CONFIG: config, SALLYPORT_MASTER_KEY_FILE: secret };
    await using gateway = serve([], env);
    await tryOut(gateway, port, state);
    // The key came from the secret, so none was made.
    expect(existsSync(join(state, 'master.key'))).toBe(false);
  });

  it.each([
    ['the environment of the service', UNPRIVILEGED, { HOME: '/var/cache/sallyport', NODE_ENV: 'production' }],
    // The system does not even know the user.
    ['no HOME at all', UNPRIVILEGED, {}],
  ])('starts with %s, and the state told by systemd', { timeout: TIMEOUT_MS }, async (_what, uid, more) => {
    const [state, port] = [await ownFolder('state', uid), await freePort()];
    const config = join(folder, 'sallyport.yaml');
    await writeFile(config, `mcpServers: {}\nlisten: { port: ${port} }\n`, { mode: 0o644 });
    // As LoadCredential= leaves it: root's, and readable for the user alone.
    const credential = join(folder, 'master-key');
    await writeFile(credential, MASTER_KEY, { mode: 0o440 });
    if (isRoot) await chown(credential, 0, uid);
    const env = { PATH: '/usr/bin:/bin', STATE_DIRECTORY: state, SALLYPORT_MASTER_KEY_FILE: credential, ...more };
    await using gateway = serve([config], env, uid);
    await tryOut(gateway, port, state);
    expect(existsSync(join(state, 'master.key'))).toBe(false);
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const NAME = 'mcp.example.com';

interface Proxy {
  readonly tools: readonly string[];
  /** Writes its configuration and starts it. */
  readonly start: (place: string, port: number, backend: number) => Promise<Running>;
}

const nginx: Proxy = {
  tools: ['nginx', 'openssl'],
  start: async (place, port, backend) => {
    const site = text('deploy/proxy/nginx.conf')
      .replaceAll('127.0.0.1:7420', `127.0.0.1:${backend}`)
      .replace(/^ *listen \[::\].*\n/m, '')
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replaceAll('/etc/ssl/sallyport', place);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (each) => `${each}_temp_path ${place}/${each};`,
    );
    const config = `pid ${place}/nginx.pid; worker_processes 1; daemon off; error_log stderr;
      events {} http { access_log off; ${paths.join(' ')} include ${place}/site.conf; }`;
    await writeFile(join(place, 'site.conf'), site);
    await writeFile(join(place, 'nginx.conf'), config);
    const words = ['-p', place, '-e', 'stderr', '-c', join(place, 'nginx.conf')];
    const checked = await finished('nginx', [...words, '-t']);
    expect(checked.stderr).toContain('test is successful');
    expect(checked.stderr).not.toContain('[warn]');
    return start('nginx', words);
  },
};

const caddy: Proxy = {
  tools: ['caddy', 'openssl'],
  start: async (place, port, backend) => {
    const site = text('deploy/proxy/Caddyfile')
      .replaceAll('127.0.0.1:7420', `127.0.0.1:${backend}`)
      .replace(`\n${NAME} {`, `\nhttps://${NAME}:${port} {\n\tbind 127.0.0.1`)
      .replace('\ttls {', `\ttls ${place}/fullchain.pem ${place}/privkey.pem {`);
    const path = join(place, 'Caddyfile');
    await writeFile(path, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
    const env = { PATH: process.env['PATH'], HOME: place, XDG_DATA_HOME: place, XDG_CONFIG_HOME: place };
    const checked = await finished('caddy', ['adapt', '--config', path, '--validate'], { env });
    expect(checked.code, checked.stderr).toBe(0);
    return start('caddy', ['run', '--config', path], { env });
  },
};

describe.each([
  ['nginx', nginx],
  ['Caddy', caddy],
] as const)('%s in front', (_name, proxy) => {
  describe.skipIf(missing(...proxy.tools))(`(needs ${proxy.tools.join(' and ')}: deploy/tools.sh)`, () => {
    let place = '';
    let port = 0;
    let ca = '';
    let running: Running | undefined;
    const arrived = createInbox<IncomingMessage>();
    const release = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const backend = createServer((incoming, response) => {
      arrived.push(incoming);
      if (incoming.url === '/mcp?events') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n');
        void release.promise.then(() => response.end('data: last\n\n'));
      } else if (incoming.url === '/mcp?left') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n');
        response.once('close', () => left.resolve());
      } else incoming.resume().on('end', () => response.end('from behind'));
    });
    backend.on('upgrade', (_incoming, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.pipe(socket);
    });

    beforeAll(async () => {
      place = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-proxy-')));
      // nginx keeps large bodies in files there, as a user of its own.
      await chmod(place, 0o755);
      const [key, certificate] = [join(place, 'privkey.pem'), join(place, 'fullchain.pem')];
      const kind = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');
      const names = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`];
      await finished('openssl', [...kind, ...names, '-keyout', key, '-out', certificate]);
      ca = await readFile(certificate, 'utf8');
      port = await freePort();
      running = await proxy.start(place, port, await listening(backend));
      await untilListening(port, new AbortController().signal);
    }, TIMEOUT_MS);
    afterAll(async () => {
      await running?.stop();
      backend.closeAllConnections();
      backend.close();
      await rm(place, { recursive: true, force: true });
    });

    function ask(path: string, more: RequestOptions = {}, body?: Buffer): Promise<IncomingMessage> {
      return new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path, ca, servername: NAME, agent: false, ...more };
        request({ ...options, headers: { Host: NAME, ...(more.headers as object) } }, resolve)
          .on('error', reject)
          .end(body);
      });
    }

    const handshake = (maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, ca, servername: NAME, maxVersion }, () => {
          resolve(socket.getProtocol());
          socket.destroy();
        });
        socket.once('error', reject);
      });

    it('speaks TLS 1.3 and nothing older', async () => {
      expect(await handshake('TLSv1.3')).toBe('TLSv1.3');
      await expect(handshake('TLSv1.2')).rejects.toThrow(/protocol version|EPROTO|alert/i);
    });

    it('passes MCP on, with the client’s address in place of what the client claims', async () => {
      const claimed = { 'X-Forwarded-For': '10.9.9.9', 'X-Forwarded-Proto': 'http', Forwarded: 'for=10.9.9.9' };
      const answer = await ask('/mcp/s/files?x=1', { method: 'POST', headers: claimed }, Buffer.from('{}'));
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
      answer.resume();
      const { headers } = await arrived.until(({ url }) => url === '/mcp/s/files?x=1', 'the request');
      expect(headers).toMatchObject({ host: NAME, 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' });
      expect(headers.forwarded ?? '').toBe('');
    });

    it('passes an event on before the next one is there', async () => {
      const answer = await ask('/mcp?events');
      const events = createInbox<string>();
      answer.on('data', (chunk: Buffer) => events.push(chunk.toString()));
      const ended = new Promise((resolve) => answer.once('end', resolve));
      await events.until((event) => event.includes('first'), 'the first event');
      expect(events.items.join('')).not.toContain('last');
      release.resolve();
      await ended;
      expect(events.items.join('')).toContain('last');
    });

    it('tells that a client has left, which is how a call is cancelled', async () => {
      const answer = await ask('/mcp?left');
      answer.once('error', () => undefined).once('data', () => answer.destroy());
      await expect(left.promise).resolves.toBeUndefined();
    });

    it('lets a WebSocket through, both ways', async () => {
      const echoed = await new Promise<string>((resolve, reject) => {
        const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
        const headers = { Host: NAME, ...upgrade, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
        request({ host: '127.0.0.1', port, path: '/mcp', ca, servername: NAME, agent: false, headers })
          .once('upgrade', (_response, socket) => {
            socket.once('data', (bytes: Buffer) => {
              socket.destroy();
              resolve(bytes.toString());
            });
            socket.write('there and back');
          })
          .once('response', ({ statusCode }) => reject(new Error(`answered ${statusCode}`)))
          .once('error', reject)
          .end();
      });
      expect(echoed).toBe('there and back');
    });

    it.each(['/', '/metrics', '/api/v1/status', '/healthz', '/readyz', '/mcpx', '/mcp/../metrics'])(
      'keeps %s inside',
      async (path) => {
        const seen = arrived.items.length;
        const answer = await ask(path);
        answer.resume();
        expect(answer.statusCode).toBe(404);
        expect(arrived.items.slice(seen)).toEqual([]);
      },
    );

    it('lets a body pass that is a little too large, so that the gateway says so, and no larger one', async () => {
      const answer = await ask('/mcp', { method: 'POST' }, Buffer.alloc(4 * 1024 * 1024 + 1));
      answer.resume();
      expect(answer.statusCode).toBe(200);
      const refused = await ask('/mcp', { method: 'POST' }, Buffer.alloc(6 * 1024 * 1024)).then(
        (each) => each.resume().statusCode,
        // It may close the connection while the body is still being sent.
        (error: NodeJS.ErrnoException) => error.code,
      );
      expect([413, 502, 'EPIPE', 'ECONNRESET']).toContain(refused);
    });
  });
});

describe('the firewall', () => {
  it.skipIf(missing('nft') || !isRoot)('is understood by nft (needs root, and nft: deploy/tools.sh)', async () => {
    const path = join(folder, 'nftables.conf');
    // The user of the service is none of this machine.
    await writeFile(path, text('deploy/proxy/nftables.conf').replaceAll('"sallyport" ', '"root" '));
    const checked = await finished('nft', ['--check', '--file', path]);
    expect(checked.code, checked.stderr).toBe(0);
  });
});
