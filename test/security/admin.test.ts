/** The admin API: who finds it, from where, what a change needs, and what it never shows. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationText, startGateway, temporaryFolder, type Started } from '../gateway/gateway.ts';
import { serveRaw } from '../gateway/raw-http.ts';
import { openCaller } from './callers.ts';
import { bearer, createIssuer, knock, randomKey, type Knocked } from './support.ts';

const SECRET = ['CANARY', '0123456789', 'abcdef'].join('');

interface Admin extends AsyncDisposable {
  readonly started: Started;
  readonly file: string;
  readonly base: string;
  /** Of a key with the role `admin`, of one without, and of this machine's user. */
  readonly admin: string;
  readonly client: string;
  readonly local: string;
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Knocked>;
}

async function startAdmin(more: Record<string, unknown> = {}): Promise<Admin> {
  const folder = await temporaryFolder();
  const up = await serveRaw({ era: 'session' });
  const file = join(folder.path, 'sallyport.json');
  const [admin, client] = [randomKey(), randomKey()];
  const keys = [
    { name: 'root', key: admin, roles: ['admin'] },
    { name: 'ann', key: client, roles: ['dev'] },
  ];
  const configuration = {
    store: 'sqlite',
    auth: { mode: 'key', keys },
    mcpServers: { up: { url: up.url, type: 'http', headers: { 'x-thing': SECRET } } },
    ...more,
  };
  const started = await startGateway(configuration, { file, stateDirectory: join(folder.path, 'state') });
  const base = `http://127.0.0.1:${started.port}/api/v1`;
  return {
    started,
    file,
    base,
    admin,
    client,
    local: started.gateway.localKey ?? '',
    ask: (method, path, body, headers = bearer(admin)) => {
      if (method === 'GET') return knock(`${base}${path}`, { headers });
      const text = JSON.stringify(body ?? {});
      const length = String(Buffer.byteLength(text));
      const all = { 'content-type': 'application/json', 'content-length': length, ...headers };
      return knock(`${base}${path}`, { method, headers: all, body: text });
    },
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await up[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const json = ({ body }: Knocked): unknown => JSON.parse(body);
const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** Every route of the document, with something in place of its parameters. */
async function everyRoute(place: Admin): Promise<readonly (readonly [method: string, path: string])[]> {
  const { paths } = json(await place.ask('GET', '/openapi.json')) as Document;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'up')] as const),
  );
}

describe('who finds the admin API', () => {
  it('ADM-01 at every route a client, a token, a proxied request and a browser find nothing, all alike', async () => {
    const issuer = createIssuer();
    await using place = await startAdmin({});
    const routes = await everyRoute(place);
    expect(routes.length).toBeGreaterThan(20);
    const nowhere = await place.ask('GET', '/none');
    expect(nowhere.status).toBe(404);
    const strangers: readonly Readonly<Record<string, string>>[] = [
      bearer(place.client),
      { ...bearer(place.admin), 'x-forwarded-for': '203.0.113.7' },
      { ...bearer(place.local), via: '1.1 proxy' },
      { ...bearer(place.admin), 'sec-fetch-site': 'same-origin' },
      { ...bearer(place.admin), origin: place.base.replace('/api/v1', '') },
    ];
    for (const [method, path] of routes) {
      for (const headers of strangers) {
        const { body, status } = await place.ask(method, path, {}, headers);
        expect([status, body], `${method} ${path} ${JSON.stringify(Object.keys(headers))}`).toEqual([
          404,
          nowhere.body,
        ]);
      }
      for (const headers of [{}, bearer('sp_wrong'), bearer(issuer.token({ roles: ['admin'], sub: 'root' }))])
        expect((await place.ask(method, path, {}, headers)).status, `${method} ${path}`).toBe(401);
      const rebound = await place.ask(method, path, {}, { ...bearer(place.admin), host: 'evil.example' });
      expect(rebound.status).toBe(403);
    }
  });

  it('ADM-01 a token of another issuer makes no admin, whatever roles it states', async () => {
    const issuer = createIssuer();
    await using place = await startAdmin({ auth: { mode: 'jwt', jwt: issuer.settings } });
    const token = issuer.token({ aud: `${place.base.replace('/api/v1', '')}/mcp`, sub: 'root', roles: ['admin'] });
    for (const path of ['/servers', '/keys', '/config']) {
      expect([401, 404]).toContain((await place.ask('GET', path, undefined, bearer(token))).status);
      expect((await place.ask('GET', path, undefined, bearer(place.local))).status).toBe(200);
    }
  });

  it('ADM-01 switched off it is nowhere, but for what this machine’s user asks with his own key', async () => {
    await using place = await startAdmin({ admin: { enabled: false } });
    for (const path of ['/servers', '/keys', '/config', '/openapi.json']) {
      expect((await place.ask('GET', path)).status).toBe(404);
    }
    expect((await place.ask('GET', '/keys', undefined, bearer(place.local))).status).toBe(404);
    expect((await place.ask('GET', '/system', undefined, bearer(place.local))).status).toBe(200);
  });

  it('ADM-01 from elsewhere it is found from the addresses that are configured, and changes nothing unless told', async () => {
    const proxied = (address: string): Readonly<Record<string, string>> => ({ 'x-forwarded-for': address });
    const listen = { port: 0, trustProxy: ['127.0.0.1'] };
    for (const [remoteWrite, status] of [
      [false, 403],
      [true, 200],
    ] as const) {
      await using place = await startAdmin({ listen, admin: { hosts: ['198.51.100.0/24'], remoteWrite } });
      const key = bearer(place.admin);
      expect((await place.ask('GET', '/servers', undefined, { ...key, ...proxied('198.51.100.9') })).status).toBe(200);
      expect((await place.ask('GET', '/servers', undefined, { ...key, ...proxied('198.51.101.9') })).status).toBe(404);
      expect(
        (await place.ask('GET', '/servers', undefined, { ...bearer(place.local), ...proxied('198.51.100.9') })).status,
      ).toBe(404);
      const made = await place.ask('POST', '/keys', { name: 'new' }, { ...key, ...proxied('198.51.100.9') });
      expect(made.status).toBe(status);
      const command = { name: 'own', server: { command: 'x' } };
      const added = await place.ask('POST', '/servers', command, { ...key, ...proxied('198.51.100.9') });
      expect(added.status).toBe(403);
    }
  });
});

describe('a change', () => {
  it('P2-06 needs a request that no page can send: GET, forms and texts change nothing', async () => {
    await using place = await startAdmin();
    const before = await hashOf(place.file);
    const keys = (await place.ask('GET', '/keys')).body;
    const routes = (await everyRoute(place)).filter(([method]) => method !== 'GET');
    for (const [method, path] of routes) {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const { status } = await place.ask(method, path, {}, { ...bearer(place.admin), 'content-type': type });
        expect([403, 404, 415], `${method} ${path}`).toContain(status);
      }
    }
    for (const headers of [{}, { cookie: `key=${place.admin}` }]) {
      expect((await place.ask('POST', '/keys', { name: 'forged' }, headers)).status).toBe(401);
    }
    for (const path of ['/keys/root/rotate', '/principals/disable', '/reload']) {
      expect((await place.ask('GET', `${path}?who=ann`)).status).toBe(405);
    }
    expect(await hashOf(place.file)).toBe(before);
    expect((await place.ask('GET', '/keys')).body).toBe(keys);
  });

  it('ADM-02 a command is shown with its hash, and added when that hash comes back with the same command', async () => {
    await using place = await startAdmin();
    const { etag } = json(await place.ask('GET', '/config')) as { etag: string };
    const edition = { ...bearer(place.admin), 'if-match': etag };
    const server = {
      command: '/nowhere/program',
      args: ['${secret:TOKEN}', '${file:/etc/passwd}'],
      env: { A: '${HOME}' },
    };
    const first = await place.ask('POST', '/servers', { name: 'own', server }, edition);
    expect(first.status).toBe(428);
    const { error } = json(first) as { error: { confirm: string; command: string[] } };
    expect(error.command).toEqual([server.command, ...server.args]);
    const before = await hashOf(place.file);
    const other = { ...server, args: ['other'] };
    expect(
      (await place.ask('POST', '/servers', { name: 'own', server: other, confirm: error.confirm }, edition)).status,
    ).toBe(428);
    expect(
      (await place.ask('POST', '/servers', { name: 'more', server, confirm: error.confirm }, edition)).status,
    ).toBe(428);
    expect(await hashOf(place.file)).toBe(before);
    const done = await place.ask('POST', '/servers', { name: 'own', server, confirm: error.confirm }, edition);
    expect(done.status, done.body).toBe(200);
    const written = JSON.parse(await readFile(place.file, 'utf8')) as { mcpServers: { own: typeof server } };
    expect(written.mcpServers.own.args).toEqual(['$${secret:TOKEN}', '$${file:/etc/passwd}']);
    expect(written.mcpServers.own.env).toEqual({ A: '$${HOME}' });
    const { target } = place.started.gateway.rooms.config.servers.find(({ name }) => name === 'own') ?? {};
    expect(target).toMatchObject({ args: server.args, env: server.env });
  });

  it.each([
    { url: 'http://127.0.0.1:9/', tls: { ca: '/etc/passwd' } },
    { command: 'x', envFile: '/etc/passwd' },
    { command: 'x', cwd: '/' },
    { command: 'x', sandbox: 'none' },
    { url: 'http://127.0.0.1:9/', oauth: { clientSecret: 'x' } },
  ])('ADM-02 a server that names more than itself is refused', async (server) => {
    await using place = await startAdmin();
    const before = await hashOf(place.file);
    const { etag } = json(await place.ask('GET', '/config')) as { etag: string };
    const { status } = await place.ask(
      'POST',
      '/servers',
      { name: 'own', server },
      { ...bearer(place.admin), 'if-match': etag },
    );
    expect(status).toBe(400);
    expect(await hashOf(place.file)).toBe(before);
  });

  it('needs the edition that was seen, and is put back when it cannot be taken over', async () => {
    await using place = await startAdmin();
    const server = { url: 'http://127.0.0.1:9/mcp' };
    expect((await place.ask('POST', '/servers', { name: 'far', server })).status).toBe(428);
    const stale = { ...bearer(place.admin), 'if-match': '"old"' };
    expect((await place.ask('POST', '/servers', { name: 'far', server }, stale)).status).toBe(412);
    const { etag } = json(await place.ask('GET', '/config')) as { etag: string };
    const edition = { ...bearer(place.admin), 'if-match': etag };
    const added = await place.ask('POST', '/servers', { name: 'far', server }, edition);
    expect(added.status, added.body).toBe(200);
    expect((await place.ask('DELETE', '/servers/far', {}, edition)).status).toBe(412);
    const next = (json(await place.ask('GET', '/config')) as { etag: string }).etag;
    const off = await place.ask(
      'PATCH',
      '/servers/far',
      { enabled: false },
      { ...bearer(place.admin), 'if-match': next },
    );
    expect(off.status).toBe(200);
    expect(place.started.gateway.rooms.config.servers.find(({ name }) => name === 'far')?.enabled).toBe(false);
    // Somebody opens a door in the file; it is not taken over, and so is no change that stands on it.
    const opened = { ...(JSON.parse(await readFile(place.file, 'utf8')) as object), auth: { mode: 'none' } };
    await writeFile(place.file, configurationText(opened));
    const seen = /"etag":"(\\"[^"]*\\")"/.exec((await place.ask('DELETE', '/servers/far')).body)?.[1] ?? '""';
    const before = await hashOf(place.file);
    const removed = await place.ask(
      'DELETE',
      '/servers/far',
      {},
      { ...bearer(place.admin), 'if-match': JSON.parse(`"${seen}"`) as string },
    );
    expect(removed).toMatchObject({ status: 409, body: expect.stringContaining('auth.mode') });
    expect(await hashOf(place.file)).toBe(before);
  });

  it('ADM-06 keys, principals and sessions: what is ended is refused at once', async () => {
    await using place = await startAdmin();
    const made = json(await place.ask('POST', '/keys', { name: 'bob', roles: ['dev'] })) as { key: string; id: string };
    await using caller = await openCaller('session', place.started, made.key);
    await caller.ask('tools/list');
    const { sessions } = json(await place.ask('GET', '/sessions')) as { sessions: { id: string; principal: string }[] };
    const [session] = sessions.filter(({ principal }) => principal === 'local#bob');
    expect((await place.ask('DELETE', `/sessions/${session?.id}`)).status).toBe(200);
    expect(await caller.ask('tools/list')).toContain('no_session');
    expect((await place.ask('POST', '/principals/disable', { who: 'bob' })).status).toBe(200);
    await expect.poll(async () => (await knock(place.started.url, { headers: bearer(made.key) })).status).toBe(401);
    await place.ask('POST', '/principals/enable', { who: 'bob' });
    const rotated = json(await place.ask('POST', `/keys/${made.id}/rotate`, { graceSeconds: 0 })) as { key: string };
    await expect
      .poll(async () => (await knock(place.started.url, { headers: bearer(rotated.key) })).status)
      .not.toBe(401);
    expect((await place.ask('DELETE', '/keys/bob')).status).toBe(200);
    expect((await knock(place.started.url, { headers: bearer(rotated.key) })).status).toBe(401);
    expect((await place.ask('POST', '/principals/disable', { who: 'local' })).status).toBe(409);
  });

  it('is recorded with who made it, and so are those who came without being admins', async () => {
    await using place = await startAdmin();
    await place.ask('POST', '/keys', { name: 'bob' });
    await place.ask('POST', '/keys', { name: 'bob' });
    await place.ask('GET', '/keys', undefined, bearer(place.client));
    await place.started.gateway.close();
    const folder = join(place.file, '..', 'state', 'audit');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
    const records = (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
    expect(records).toMatch(
      /"principal":"local#root"[^\n]*"action":"key.create","target":"bob"[^\n]*"decision":"allow"/,
    );
    expect(records).toMatch(
      /"principal":"local#root"[^\n]*"action":"key.create","target":"bob"[^\n]*"decision":"deny"/,
    );
    expect(records).toMatch(/"principal":"local#ann"[^\n]*"action":"admin.request"[^\n]*"decision":"deny"/);
  });
});

describe('what is shown', () => {
  it('ADM-06 no route shows a secret of the configuration, a key or a session id', async () => {
    await using place = await startAdmin();
    const made = json(await place.ask('POST', '/keys', { name: 'bob' })) as { key: string };
    await using caller = await openCaller('session', place.started, made.key);
    await caller.ask('tools/list');
    const [{ id } = { id: '' }] = [...place.started.gateway.rooms.sessions];
    const routes = (await everyRoute(place)).filter(([method]) => method === 'GET');
    const texts = await Promise.all(routes.map(async ([method, path]) => (await place.ask(method, path)).body));
    const all = texts.join('\n');
    expect(all).toContain('x-thing');
    for (const secret of [SECRET, place.admin, place.client, place.local, made.key, id])
      expect(all).not.toContain(secret);
  });

  it('the lines of the log about a server, the health, and a restart', async () => {
    await using place = await startAdmin();
    await using caller = await openCaller('session', place.started, place.client);
    await caller.ask('tools/list');
    expect(json(await place.ask('GET', '/health'))).toMatchObject({ status: 'ready' });
    expect(json(await place.ask('GET', '/servers/up/logs'))).toMatchObject({ lines: expect.any(Array) });
    expect((await place.ask('GET', '/servers/none/logs')).status).toBe(404);
    expect((await place.ask('POST', '/servers/up/restart')).status).toBe(200);
    await caller.ask('tools/call', { name: 'up__odd', arguments: { text: 'x' } });
  });

  it('bounds what comes: bodies, and requests in a minute', async () => {
    await using place = await startAdmin();
    expect((await place.ask('POST', '/keys', { name: 'x'.repeat(70_000) })).status).toBe(413);
    const statuses = new Set<number>();
    for (let count = 0; count < 620; count++) statuses.add((await place.ask('GET', '/health')).status);
    expect([...statuses]).toEqual([200, 429]);
    expect((await place.ask('GET', '/health', undefined, bearer(place.local))).status).toBe(200);
  }, 60_000);
});
