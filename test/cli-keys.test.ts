/**
 * The keys of clients, as an operator handles them: the built command line on one side, a gateway that runs and its clients on
 * the other, and nothing is restarted.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, start, type Finished, type Running } from './support/process.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 25_000;
/** What is promised: a change of keys is in force within a second, and what is open with an ended key ends within five. */
const IN_FORCE_MS = 1000;
const ENDED_MS = 5000;

let home: TemporaryHome;
let config: string;
let gateway: Running;
let url: string;

async function sallyport(words: readonly string[], input = ''): Promise<Finished> {
  const env = { ...home.env, SALLYPORT_HOME: join(home.path, 'state'), SALLYPORT_CONFIG: config };
  return await run(process.execPath, [bin, ...words], { env, cwd: home.path, timeoutMs: TIMEOUT_MS, input });
}

async function done(words: readonly string[]): Promise<Finished> {
  const outcome = await sallyport(words);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

async function json(words: readonly string[]): Promise<unknown> {
  return JSON.parse((await done([...words, '--json'])).stdout);
}

/** A key alone on stdout. */
async function key(words: readonly string[]): Promise<string> {
  const { stdout } = await done(words);
  expect(stdout).toMatch(/^sp_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n$/);
  return stdout.trim();
}

async function writeConfiguration(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const path = join(home.path, `${name}.json`);
  await writeFile(path, JSON.stringify({ mcpServers: {}, ...more }), { mode: 0o600 });
  return path;
}

function serve(file: string, state: string): Running {
  const env = { ...home.env, SALLYPORT_HOME: join(home.path, state) };
  return start(process.execPath, [bin, 'serve', file, '--port', '0', '--log-level', 'debug'], { env, cwd: home.path });
}

async function urlOf(running: Running): Promise<string> {
  const [, found = ''] = await running.untilLine(/ready at (http:\S+)/);
  return found;
}

const HELLO = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

async function hello(
  headers: Readonly<Record<string, string>>,
  { to = url, body = HELLO }: { readonly to?: string; readonly body?: object } = {},
): Promise<Response> {
  const response = await fetch(to, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
  return response;
}

async function statusFor(secret: string, to: string = url): Promise<number> {
  return (await hello({ authorization: `Bearer ${secret}` }, { to })).status;
}

async function becomes(secret: string, status: number): Promise<void> {
  await expect.poll(() => statusFor(secret), { timeout: IN_FORCE_MS, interval: 20 }).toBe(status);
}

/** Of a request with so many Authorization headers. */
async function statusWith(authorization: readonly string[]): Promise<number | undefined> {
  const headers = [
    'host',
    new URL(url).host,
    'content-type',
    'application/json',
    'accept',
    'application/json, text/event-stream',
    ...authorization.flatMap((each) => ['authorization', each]),
  ];
  const asked = request(url, { method: 'POST', headers, agent: false }).end(JSON.stringify(HELLO));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

interface Held {
  readonly what: string;
  /** Settles when it has ended, however. */
  readonly ended: Promise<unknown>;
}

async function holdStream(path: string, headers: Readonly<Record<string, string>>): Promise<Held> {
  const response = await fetch(new URL(path, url), { headers: { accept: 'text/event-stream', ...headers } });
  expect(response.status).toBe(200);
  return { what: path, ended: response.text().catch(() => undefined) };
}

/** What a client can hold open with a key. */
async function holdOpen(secret: string): Promise<readonly Held[]> {
  const authorization = `Bearer ${secret}`;
  const session = (await hello({ authorization })).headers.get('mcp-session-id') ?? '';
  const socket = new WebSocket(url.replace('http', 'ws'), { headers: { authorization } });
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return [
    await holdStream('/mcp', { authorization, 'mcp-session-id': session }),
    await holdStream('/sse', { authorization }),
    { what: 'WebSocket', ended: once(socket, 'close') },
  ];
}

/** Which of them have ended, as a list that grows. */
function ends(held: readonly Held[]): string[] {
  const ended: string[] = [];
  for (const { what, ended: end } of held) void end.then(() => ended.push(what));
  return ended;
}

const ALL = ['/mcp', '/sse', 'WebSocket'];

/** One request after the other with a key, until it is stopped; the statuses. */
function traffic(secret: string): { stop(): Promise<readonly number[]> } {
  const statuses: number[] = [];
  let isStopped = false;
  const going = (async () => {
    for (;;) {
      statuses.push(await statusFor(secret));
      if (isStopped) return statuses;
    }
  })();
  return {
    stop: () => {
      isStopped = true;
      return going;
    },
  };
}

beforeAll(async () => {
  home = await temporaryHome();
  // Here the tests ask often whether a key is good by now.
  config = await writeConfiguration('team', { limits: { failedAuthentications: 100_000 } });
  gateway = serve(config, 'state');
  url = await urlOf(gateway);
});

afterAll(async () => {
  await gateway.stop();
  await home.remove();
});

describe('a key', () => {
  it('P3-14 that is revoked during traffic is refused from then on, what is open with it ends, another works', async () => {
    const [lost, other] = [await key(['key', 'create', 'lost']), await key(['key', 'create', 'other'])];
    await becomes(lost, 200);
    await becomes(other, 200);
    const [ended, others] = [ends(await holdOpen(lost)), ends(await holdOpen(other))];
    const calls = traffic(lost);
    await done(['key', 'revoke', 'lost']);
    await becomes(lost, 401);
    await expect.poll(() => ended.toSorted(), { timeout: ENDED_MS }).toEqual(ALL);
    const statuses = await calls.stop();
    const first = statuses.indexOf(401);
    expect(statuses.slice(0, first).every((status) => status === 200)).toBe(true);
    expect(statuses.slice(first).some((status) => status === 200)).toBe(false);
    await becomes(await key(['key', 'create', 'lost']), 200);
    expect(await statusFor(other)).toBe(200);
    expect(others).toEqual([]);
    for (const name of ['lost', 'other']) await done(['key', 'revoke', name]);
  });

  it('P3-14 is rotated with a grace, or without one, and stays who it is', async () => {
    const first = await key(['key', 'create', 'rot', '--role', 'dev', '--expires', '30d']);
    await becomes(first, 200);
    const ended = ends(await holdOpen(first));
    const before = (await json(['key', 'list'])) as Record<string, unknown>[];
    const rotated = await done(['key', 'rotate', 'rot']);
    const second = rotated.stdout.trim();
    expect(rotated.stdout).toMatch(/^sp_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n$/);
    expect(rotated.stderr).toMatch(/The one before is good until \d{4}-\d\d-\d\dT\d\d:\d\dZ\.$/m);
    await becomes(second, 200);
    expect(await statusFor(first)).toBe(200);
    expect(ended).toEqual([]);
    const [mine] = (await json(['key', 'list'])) as Record<string, unknown>[];
    expect(mine).toMatchObject({ id: before[0]?.['id'], roles: ['dev'], expires: before[0]?.['expires'] });
    expect(Date.parse(String(mine?.['previousValidUntil'])) - Date.parse(String(mine?.['rotated']))).toBe(86_400_000);
    expect((await done(['key', 'list'])).stdout).toContain('rotated, the key before is good until');
    const third = await json(['key', 'rotate', String(mine?.['id']), '--grace', '0', '--expires', '60d']);
    expect(Object.keys(third as object)).toEqual(['id', 'name', 'key', 'roles', 'expires', 'previousValidUntil']);
    expect(third).toMatchObject({ id: mine?.['id'], name: 'rot', roles: ['dev'], previousValidUntil: null });
    await becomes(second, 401);
    expect(await statusFor(first)).toBe(401);
    await expect.poll(() => ended.toSorted(), { timeout: ENDED_MS }).toEqual(ALL);
    await becomes(String((third as Record<string, unknown>)['key']), 200);
    await done(['key', 'revoke', 'rot']);
    await becomes(String((third as Record<string, unknown>)['key']), 401);
  });

  it('P3-14 in its grace is dead when that ends, and what is open with it', async () => {
    const first = await key(['key', 'create', 'short']);
    await becomes(first, 200);
    const ended = ends(await holdOpen(first));
    const second = await key(['key', 'rotate', 'short', '--grace', '2s']);
    await becomes(second, 200);
    await expect.poll(() => statusFor(first), { timeout: 2000 + IN_FORCE_MS, interval: 20 }).toBe(401);
    await expect.poll(() => ended.toSorted(), { timeout: ENDED_MS }).toEqual(ALL);
    expect(await statusFor(second)).toBe(200);
    await done(['key', 'revoke', 'short']);
  });

  it('P2-16 loses a role without being made anew, and what is open with the role ends', async () => {
    const secret = await key(['key', 'create', 'both', '--role', 'admin', '--role', 'dev']);
    await becomes(secret, 200);
    const ended = ends(await holdOpen(secret));
    expect((await done(['key', 'roles', 'both', 'dev'])).stdout).toMatch(/^both \([0-9a-f]{16}\): dev\n$/);
    await expect.poll(() => ended.toSorted(), { timeout: ENDED_MS }).toEqual(ALL);
    expect(await statusFor(secret)).toBe(200);
    expect(await json(['key', 'roles', 'both', '--none'])).toMatchObject({ name: 'both', roles: [] });
    expect(await json(['key', 'list'])).toMatchObject([{ name: 'both', roles: [] }]);
    await done(['key', 'revoke', 'both']);
  });

  it('ends what is open with it when it expires', async () => {
    const secret = await key(['key', 'create', 'brief', '--expires', '5s']);
    await becomes(secret, 200);
    const ended = ends(await holdOpen(secret));
    await expect.poll(() => ended.toSorted(), { timeout: 5000 + IN_FORCE_MS }).toEqual(ALL);
    expect(await statusFor(secret)).toBe(401);
    expect((await done(['key', 'list'])).stdout).toMatch(/brief .* expired /);
    expect((await sallyport(['key', 'rotate', 'brief'])).stderr).toContain('has expired');
    await done(['key', 'revoke', 'brief']);
  });

  it('P4-06 is shown once: nothing of it is in the state, a list or a log', async () => {
    const secret = await key(['key', 'create', 'shown']);
    await becomes(secret, 200);
    const rotated = await key(['key', 'rotate', 'shown']);
    await becomes(rotated, 200);
    const { stdout } = await done(['key', 'list', '--json']);
    const state = join(home.path, 'state');
    const files = await Promise.all((await readdir(state)).map((name) => readFile(join(state, name)).catch(() => '')));
    for (const each of [secret, rotated].map((one) => one.slice(-43))) {
      expect(stdout).not.toContain(each);
      expect(gateway.lines.join('\n')).not.toContain(each);
      expect(files.some((bytes) => bytes.includes(each))).toBe(false);
    }
    await done(['key', 'revoke', 'shown']);
  });

  it('P3-01 is a bearer token, in any case of the word, and one', async () => {
    const secret = await key(['key', 'create', 'bearer']);
    await becomes(secret, 200);
    const statuses = await Promise.all(
      [
        [],
        [`Bearer ${secret}x`],
        [`Bearer ${secret}`],
        [`bearer ${secret}`],
        [`Basic ${secret}`],
        [secret],
        [`Bearer ${secret}`, `Bearer ${secret}`],
      ].map(statusWith),
    );
    expect(statuses).toEqual([401, 401, 200, 200, 401, 401, 401]);
    await done(['key', 'revoke', 'bearer']);
  });

  it('DSA-13 in a query, a cookie, a body or a header of another name is none, and in no log', async () => {
    const secret = await key(['key', 'create', 'stray']);
    await becomes(secret, 200);
    const inQuery = ['key', 'token', 'access_token', 'api_key', 'authorization'].map((name) => `?${name}=${secret}`);
    const responses = await Promise.all([
      ...inQuery.map((query) => hello({}, { to: `${url}${query}` })),
      hello({ cookie: `key=${secret}; authorization=Bearer ${secret}` }),
      hello(
        {},
        { body: { ...HELLO, params: { ...HELLO.params, access_token: secret, _meta: { authorization: secret } } } },
      ),
      hello({ 'x-api-key': secret }),
    ]);
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([401]));
    expect(gateway.lines.join('\n')).not.toContain(secret.slice(-43));
    await done(['key', 'revoke', 'stray']);
  });
});

describe('a principal', () => {
  it('P3-14 that is disabled is refused with a key that is good, and what is open with it ends', async () => {
    const secret = await key(['key', 'create', 'leaver']);
    await becomes(secret, 200);
    const held = await holdOpen(secret);
    expect(await done(['principal', 'disable', 'leaver'])).toMatchObject({
      stdout: expect.stringMatching(/shut out/) as string,
    });
    await Promise.all(held.map(({ ended }) => ended));
    await becomes(secret, 401);
    expect(await json(['principal', 'disable', 'leaver', '--undo'])).toEqual({ disabled: [] });
    await becomes(secret, 200);
  });

  it.each([
    [['principal', 'disable', 'local'], 2],
    [['principal', 'disable', '#x'], 2],
    [['principal', 'forget'], 2],
    [['principal', 'forget', 'local', '--yes'], 2],
    [['principal', 'forget', 'nobody', '--yes'], 1],
  ])('ends %j with %i', async (words, code) => {
    expect(await sallyport(words)).toMatchObject({ code, stdout: '' });
  });
});

describe('keys in the configuration', () => {
  const plain = 'plain-0123456789-abcdefghijklmnop';
  const running: Running[] = [];

  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop()));
  });

  const serving = async (name: string, keys: readonly object[], more: object = {}): Promise<string> => {
    const started = serve(await writeConfiguration(name, { auth: { keys }, ...more }), name);
    running.push(started);
    return await urlOf(started);
  };

  it('P4-06 are accepted as text and as bcrypt hashes', async () => {
    const short = 'a-key-of-a-team-0123456789-abcdef';
    const long = `${'Kq7_vX2mP9'.repeat(8)}-one`;
    const hashes = await Promise.all(
      [short, long].map(async (text) => (await sallyport(['key', 'hash'], `${text}\n`)).stdout.trim()),
    );
    for (const hash of hashes) expect(hash).toMatch(/^\$2[aby]\$1\d\$[./A-Za-z0-9]{53}$/);
    const made = (await json(['key', 'hash', '--new'])) as { key: string; hash: string };
    const to = await serving('configured', [
      { name: 'plain', key: plain },
      { name: 'short', hash: hashes[0], roles: ['dev'] },
      { name: 'long', hash: hashes[1] },
      { name: 'made', hash: made.hash },
      { name: 'over', key: `${plain}-2`, expires: '2020-01-01' },
    ]);
    const status = (secret: string): Promise<number> => statusFor(secret, to);
    expect(await Promise.all([plain, short, long, made.key].map(status))).toEqual([200, 200, 200, 200]);
    const wrong = [
      `${plain}x`,
      `${short}x`,
      `${long.slice(0, -3)}two`,
      long.slice(0, 72),
      hashes[0] ?? '',
      `${plain}-2`,
    ];
    expect(await Promise.all(wrong.map(status))).toEqual(wrong.map(() => 401));
  });

  it('P3-14 end when the file loses them, and what is open with them', async () => {
    const other = `${plain}-other`;
    const to = await serving('losing', [
      { name: 'stays', key: plain },
      { name: 'goes', key: other },
    ]);
    const socket = new WebSocket(to.replace('http', 'ws'), { headers: { authorization: `Bearer ${other}` } });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await writeConfiguration('losing', { auth: { keys: [{ name: 'stays', key: plain }] } });
    await closed;
    expect(await Promise.all([other, plain].map((each) => statusFor(each, to)))).toEqual([401, 200]);
  });

  it('sign a browser in by a link that is good once', async () => {
    const issuer = 'http://127.0.0.1:9';
    const auth = { keys: [{ name: 'plain', key: plain }], oidc: { issuer, clientId: 'sallyport' } };
    const file = await writeConfiguration('linked', { auth });
    const started = serve(file, 'state');
    running.push(started);
    const to = await urlOf(started);
    const { link } = (await json(['key', 'link', 'plain', '--config', file])) as { link: string };
    const page = await fetch(new URL(new URL(link).pathname, to));
    expect([page.status, page.headers.get('set-cookie')]).toEqual([200, null]);
    expect(await page.text()).toContain('<form');
    expect(await sallyport(['key', 'link', 'nobody', '--config', file])).toMatchObject({ code: 1, stdout: '' });
    expect(await sallyport(['key', 'link', 'local'])).toMatchObject({ code: 3, stdout: '' });
  });

  it('stand before a key of the same name in the store, which is said', async () => {
    const secret = await key(['key', 'create', 'twice']);
    const twice = await writeConfiguration('twice', { auth: { keys: [{ name: 'twice', key: plain }] } });
    const started = serve(twice, 'state');
    running.push(started);
    const to = await urlOf(started);
    expect(await Promise.all([secret, plain].map((each) => statusFor(each, to)))).toEqual([401, 200]);
    await started.untilLine(/the configuration has one of this name/);
    const listed = await done(['key', 'list', '--config', twice]);
    expect(listed.stdout).toContain('refused: the configuration has a key of this name');
    expect(listed.stderr).toContain('In the configuration: twice');
    await done(['key', 'revoke', 'twice', '--config', twice]);
    for (const verb of [['rotate'], ['revoke'], ['roles', '--none']]) {
      const outcome = await sallyport(['key', ...verb, 'twice', '--config', twice]);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toContain('stands in the configuration');
    }
    expect(await sallyport(['key', 'create', 'twice', '--config', twice])).toMatchObject({ code: 1, stdout: '' });
  });

  it.each([
    ['empty', { key: '' }],
    ['placeholder', { key: 'changeme' }],
    ['long-placeholder', { key: 'changeme-changeme-changeme-changeme' }],
    ['unset', { key: '${SALLYPORT_TEST_UNSET_VARIABLE_OF_THE_TEAM}' }],
    ['cheap', { hash: `$2b$04$${'a'.repeat(53)}` }],
    ['no-hash', { hash: 'changeme' }],
    ['local', { name: 'local', key: plain }],
    ['twice-named', { name: 'ci', key: plain }],
  ])('DSA-17 that are of no use stop the start: %s', async (name, one) => {
    const keys = [
      { name: 'ci', key: `${plain}-3` },
      { name: 'other', ...one },
    ];
    const started = serve(await writeConfiguration(`bad-${name}`, { auth: { keys } }), 'bad');
    running.push(started);
    expect(await started.exit).toMatchObject({ code: 3 });
  });

  it('P3-09 let no stranger keep the gateway busy: wrong keys are told to wait, good ones come in', async () => {
    const text = 'a-key-of-a-team-0123456789-abcdef';
    const hash = (await sallyport(['key', 'hash'], text)).stdout.trim();
    const to = await serving('busy', [
      { name: 'plain', key: plain },
      { name: 'hashed', hash },
      { name: 'unseen', hash: hash.slice(0, -1) + (hash.endsWith('.') ? '/' : '.') },
    ]);
    expect(await statusFor(text, to)).toBe(200);
    const wrong = await Promise.all(
      Array.from({ length: 200 }, (_one, at) => hello({ authorization: `Bearer wrong-key-number-${at}` }, { to })),
    );
    const limited = wrong.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(200 - 68 - 60);
    for (const { headers } of limited) expect(headers.get('retry-after')).toMatch(/^\d+$/);
    expect(wrong.some(({ status }) => status === 200)).toBe(false);
    expect(await Promise.all([plain, text].map((each) => statusFor(each, to)))).toEqual([200, 200]);
  });
});

describe('what is said of roles', () => {
  it('is that they decide nothing without a policy, and which the policy does not know', async () => {
    const { stderr } = await done(['key', 'create', 'roles', '--role', 'dev']);
    expect(stderr).toMatch(/^note: without a `policy`.*$/m);
    const policy = { roles: { dev: {}, ops: { groups: ['eng'] } } };
    const file = await writeConfiguration('policy', { policy });
    const changed = await done(['key', 'roles', 'roles', 'dev', 'ops', 'admin', 'opps', '--config', file]);
    expect(changed.stderr).toMatch(/^warning: the policy has no role `opps` — did you mean `ops`\?$/m);
    expect(changed.stderr.match(/the policy has no role/g)).toHaveLength(1);
    await done(['key', 'revoke', 'roles']);
  });
});

describe('the words of a key verb', () => {
  it.each([
    [['key', 'rotate', 'nobody'], 1],
    [['key', 'rotate', 'local'], 1],
    [['key', 'rotate'], 2],
    [['key', 'rotate', 'nobody', '--grace', '5'], 2],
    [['key', 'rotate', 'nobody', '--grace', '91d'], 2],
    [['key', 'rotate', 'nobody', '--expires', '2020-01-01'], 2],
    [['key', 'roles', 'nobody'], 2],
    [['key', 'roles', 'nobody', 'dev', '--none'], 2],
    [['key', 'roles', 'nobody', 'a b'], 2],
    [['key', 'roles', 'nobody', 'dev'], 1],
    [['key', 'hash'], 2],
  ])('end %j with %i', async (words, code) => {
    expect(await sallyport(words)).toMatchObject({ code, stdout: '' });
  });
});
