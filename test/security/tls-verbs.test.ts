/** The command line of a user on this machine against a gateway that speaks TLS, whatever its certificate says. */
import { readlinkSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSdk1 } from '../support/clients.ts';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Finished, type Running } from '../support/process.ts';
import { openPki, type Pair, type Pki } from './web-support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const rawServer = fileURLToPath(new URL('../gateway/raw-server.ts', import.meta.url));
const TIMEOUT_MS = 25_000;

const made: { pki?: Pki; home?: TemporaryHome; pair?: Pair } = {};
const pki = (): Pki => made.pki as Pki;
const home = (): TemporaryHome => made.home as TemporaryHome;
/** Of another name, and years too old. */
const strange = (): Pair => made.pair as Pair;

beforeAll(async () => {
  made.pki = await openPki();
  made.pair = pki().authority.issue({
    commonName: 'gateway.example',
    subjectAltName: 'DNS:gateway.example',
    usage: 'serverAuth',
    expired: true,
  });
});
afterAll(async () => await made.pki?.[Symbol.asyncDispose]());
beforeEach(async () => {
  made.home = await temporaryHome();
});
afterEach(async () => await made.home?.remove());

const state = (): string => join(home().path, 'state');

async function sallyport(words: readonly string[], input?: string): Promise<Finished> {
  return await run(process.execPath, [bin, ...words], {
    env: { ...home().env, SALLYPORT_HOME: state() },
    cwd: home().path,
    timeoutMs: TIMEOUT_MS,
    ...(input !== undefined && { input }),
  });
}

async function writeConfig(listen: object, more: object = {}): Promise<string> {
  const file = join(home().path, 'config.json');
  const tls = await pki().writePair(strange());
  const up = { command: process.execPath, args: [rawServer] };
  const configuration = { mcpServers: { up }, listen: { port: 0, tls, ...listen }, ...more };
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 });
  return file;
}

/** A gateway in a process of its own, and the URL that it says. */
async function serve(file: string): Promise<Running & { readonly url: string }> {
  const running = start(process.execPath, [bin, 'serve', file], {
    env: { ...home().env, SALLYPORT_HOME: state() },
    cwd: home().path,
  });
  const [, url = ''] = await running.untilLine(/ready at (https:\S+)/);
  return { ...running, url };
}

describe.each([
  ['a listener on loopback', {}, {}],
  ['one on all addresses', { host: '0.0.0.0' }, {}],
  ['one with a name of this machine', { host: 'localhost' }, {}],
  ['a public URL', { publicUrl: 'https://gateway.example/' }, {}],
] as const)('with %s', (_name, listen, more) => {
  it('the verbs use the gateway that runs, over TLS, and stop it', { timeout: 90_000 }, async () => {
    const file = await writeConfig(listen, more);
    await using gateway = await serve(file);
    const called = await sallyport(['call', 'up__say', '{}']);
    expect(called, called.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('said') as string });
    expect((await sallyport(['status'])).stdout).toContain(`Sallyport runs at ${gateway.url}`);
    const client = await openSdk1({
      command: process.execPath,
      args: [bin, 'serve', '--stdio', '--config', file],
      env: { ...home().env, SALLYPORT_HOME: state() },
      cwd: home().path,
    });
    const pidOf = async (): Promise<string> => {
      const { content } = await client.client.callTool({ name: 'up__pid', arguments: {} });
      return (content as { readonly text: string }[])[0]?.text ?? '';
    };
    // The same child, so it was joined.
    expect(await pidOf()).toBe((await sallyport(['call', 'up__pid'])).stdout.trim());
    await client.client.close();
    expect(await sallyport(['stop'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(gateway.url) as string,
    });
    expect((await gateway.exit).code).toBe(0);
  });
});

describe.each([
  ['key', {}],
  ['mtls', { auth: { mode: 'mtls' } }],
] as const)('in mode %s', (mode, more) => {
  it('the gateway tells its own user how it is', { timeout: 90_000 }, async () => {
    const clientCa = await pki().write('client-ca.pem', pki().authority.cert);
    const tls = { ...(await pki().writePair(strange())), ...(mode === 'mtls' && { clientCa }) };
    const file = await writeConfig({ tls }, more);
    await using gateway = await serve(file);
    const listed = await sallyport(['list']);
    expect(listed, listed.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^up /m) as string });
    expect((await sallyport(['tools', '--json'])).stdout).toContain('up__say');
    expect((await sallyport(['reload'])).stdout).toContain('Nothing has changed.');
    expect(await sallyport(['stop'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(gateway.url) as string,
    });
  });

  it('a verb without a running gateway starts one for itself, without TLS', async () => {
    const clientCa = await pki().write('client-ca.pem', pki().authority.cert);
    const tls = { ...(await pki().writePair(strange())), ...(mode === 'mtls' && { clientCa }) };
    const file = await writeConfig({ tls }, more);
    const called = await sallyport(['call', 'up__say', '{}', '--config', file]);
    expect(called, called.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('said') as string });
  });
});

describe('a stranger', () => {
  interface Seen {
    readonly url: string | undefined;
    readonly headers: IncomingHttpHeaders;
  }

  /** Listens with the gateway's own certificate, and a record that is in order leads there. */
  async function deceive(host: string, address: string, words: readonly string[]): Promise<[Finished, Seen[]]> {
    const seen: Seen[] = [];
    const stranger = createServer({ ...strange() }, ({ headers, url }, response) => {
      seen.push({ headers, url });
      response.end(JSON.stringify({ answer: 'A'.repeat(43) }));
    });
    await new Promise<void>((resolve) => stranger.listen(0, address, resolve));
    const { port } = stranger.address() as AddressInfo;
    try {
      const file = await writeConfig({});
      // A state with its keys.
      await sallyport(['key', 'list', '--config', file]);
      const place = process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : '';
      const record = { url: `https://${host}:${port}/mcp`, pid: process.pid, place, startedMs: 0, configPath: file };
      await mkdir(state(), { recursive: true, mode: 0o700 });
      await writeFile(join(state(), 'daemon.json'), JSON.stringify(record), { mode: 0o600 });
      const finished = await sallyport([...words, '--config', file], words.includes('--stdio') ? '' : undefined);
      return [finished, seen];
    } finally {
      stranger.closeAllConnections();
      await new Promise((resolve) => stranger.close(resolve));
    }
  }

  it.each([[['list']], [['call', 'up__pid']], [['status']], [['reload']], [['stop']], [['serve', '--stdio']]])(
    'at the port gets the challenge and no key: %j',
    async (words) => {
      const [finished, seen] = await deceive('127.0.0.1', '127.0.0.1', words);
      expect(finished.stderr).toContain('is not used and gets no key');
      expect(seen.length).toBeGreaterThan(0);
      for (const { headers, url } of seen) {
        expect(url).toMatch(/^\/api\/v1\/challenge\?nonce=[\w-]{32}$/);
        expect(JSON.stringify(headers)).not.toMatch(/sp_|authorization/i);
      }
      expect(JSON.stringify(seen)).not.toContain((await readFile(join(state(), 'local.key'), 'utf8')).trim());
    },
  );

  const [other] = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal);
  const elsewhere = [
    ['a name that is not certain to be loopback', 'localhost.', '127.0.0.1'],
    ...(other === undefined ? [] : [['another address', other.address, other.address] as const]),
  ] as const;
  if (other === undefined)
    console.warn('skipped: a gateway at another address (this machine has no other than loopback)');

  it.each(elsewhere)('at %s is not even asked with a certificate that does not hold', async (_name, host, address) => {
    const [finished, seen] = await deceive(host, address, ['list']);
    expect(seen).toEqual([]);
    expect(finished.stderr).toContain('cannot be asked who it is');
  });
});
