/** The admin API: who finds it, from where, what a change needs, and what it never shows. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationText } from '../gateway/gateway.ts';
import { openCaller } from './callers.ts';
import { CANARY, everyRoute, from, json, SHORT, startAdmin } from './admin-support.ts';
import { bearer, createIssuer, knock, type Knocked } from './support.ts';

const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

describe('who finds the admin API', () => {
  it('ADM-01 at every route a client, a token, a proxied request and a browser find nothing, all alike', async () => {
    const issuer = createIssuer();
    await using place = await startAdmin({ limits: { failedAuthentications: 10_000 } });
    const routes = await everyRoute(place);
    expect(routes.length).toBeGreaterThan(35);
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

  it('ADM-01 ADM-02 from elsewhere it is found from addresses that are configured, changes and starts nothing unless told', async () => {
    const listen = { port: 0, trustProxy: ['127.0.0.1'] };
    for (const [remoteWrite, commands] of [
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      await using place = await startAdmin({ listen, admin: { hosts: ['198.51.100.0/24'], remoteWrite, commands } });
      const there = { ...bearer(place.admin), ...from('198.51.100.9') };
      expect((await place.ask('GET', '/servers', undefined, there)).status).toBe(200);
      for (const headers of [
        { ...bearer(place.admin), ...from('198.51.101.9') },
        { ...bearer(place.local), ...from('198.51.100.9') },
      ])
        expect((await place.ask('GET', '/servers', undefined, headers)).status).toBe(404);
      expect((await place.ask('POST', '/keys', { name: 'new' }, there)).status).toBe(remoteWrite ? 200 : 403);
      const before = await hashOf(place.file);
      const command = { name: 'own', server: { command: '/nowhere/program' } };
      const added = await place.ask('POST', '/servers', command, there);
      expect(added.status).toBe(remoteWrite && commands ? 409 : 403);
      const edition = { ...there, 'if-match': '*' };
      // One that is off is a command as well, as soon as somebody turns it on.
      const on = await place.ask('PATCH', '/servers/off', { enabled: true }, edition);
      expect(on.status).toBe(remoteWrite && commands ? 409 : 403);
      expect(await hashOf(place.file)).toBe(before);
    }
  });

  it('ADM-01 at a listener of its own it is there alone, under the same checks', async () => {
    await using place = await startAdmin({ admin: { listen: { port: 0 } } });
    const apart = `http://127.0.0.1:${place.started.adminPort}`;
    expect((await place.ask('GET', '/keys')).status).toBe(404);
    expect((await place.ask('GET', '/system', undefined, bearer(place.local))).status).toBe(200);
    expect((await knock(`${apart}/api/v1/keys`, { headers: bearer(place.admin) })).status).toBe(200);
    for (const [headers, status] of [
      [{}, 401],
      [bearer(place.client), 404],
      [{ ...bearer(place.admin), ...from('127.0.0.1') }, 404],
      [{ ...bearer(place.admin), host: 'evil.example' }, 403],
    ] as const)
      expect((await knock(`${apart}/api/v1/keys`, { headers })).status).toBe(status);
    for (const path of ['/mcp', '/metrics', '/healthz'])
      expect((await knock(`${apart}${path}`, { headers: bearer(place.admin) })).status).toBe(404);
  });

  it('ADM-01 where the main listener is behind a proxy, a listener of its own on loopback is still this machine’s', async () => {
    const listen = { port: 0, trustProxy: ['127.0.0.1'] };
    await using place = await startAdmin({ listen, admin: { listen: { port: 0 } } });
    const keys = `http://127.0.0.1:${place.started.adminPort}/api/v1/keys`;
    expect((await knock(keys, { headers: bearer(place.local) })).status).toBe(200);
    expect((await knock(keys, { headers: { ...bearer(place.local), ...from('203.0.113.7') } })).status).not.toBe(200);
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
    for (const path of ['/keys/root/rotate', '/pins/approve', '/reload', '/cache/clear']) {
      expect((await place.ask('GET', path)).status).toBe(405);
    }
    expect(await hashOf(place.file)).toBe(before);
    expect((await place.ask('GET', '/keys')).body).toBe(keys);
  });

  it('ADM-02 a command is shown with its hash, and added when that hash comes back with the same command', async () => {
    await using place = await startAdmin();
    const server = {
      command: '/nowhere/program',
      args: ['${secret:TOKEN}', '${file:/etc/passwd}'],
      env: { A: '${HOME}' },
    };
    const add = (body: object): Promise<Knocked> => place.ask('POST', '/servers', body);
    const first = await add({ name: 'own', server });
    expect(first.status, first.body).toBe(409);
    const { error } = json(first) as { error: { code: string; confirm: string; commands: object[] } };
    expect(error.code).toBe('confirm');
    expect(error.commands).toEqual([
      {
        server: 'own',
        command: [server.command, ...server.args],
        environment: ['A'],
        cwd: expect.any(String),
        sandbox: expect.any(Object),
      },
    ]);
    const before = await hashOf(place.file);
    for (const other of [
      { ...server, args: ['other'] },
      { ...server, env: { A: 'other' } },
      { ...server, env: { ...server.env, B: '' } },
    ])
      expect((await add({ name: 'own', server: other, confirm: error.confirm })).status).toBe(409);
    expect((await add({ name: 'more', server, confirm: error.confirm })).status).toBe(409);
    expect(await hashOf(place.file)).toBe(before);
    const done = await add({ name: 'own', server, confirm: error.confirm });
    expect(done.status, done.body).toBe(200);
    const written = JSON.parse(await readFile(place.file, 'utf8')) as { mcpServers: { own: typeof server } };
    expect(written.mcpServers.own.args).toEqual(['$${secret:TOKEN}', '$${file:/etc/passwd}']);
    expect(written.mcpServers.own.env).toEqual({ A: '$${HOME}' });
    const { target } = place.started.gateway.rooms.config.servers.find(({ name }) => name === 'own') ?? {};
    expect(target).toMatchObject({ args: server.args, env: server.env });
  });

  it.each([
    ['POST', '/servers', { name: 'own', server: { url: 'http://127.0.0.1:9/', tls: { ca: '/etc/passwd' } } }],
    ['POST', '/servers', { name: 'own', server: { command: 'x', envFile: '/etc/passwd' } }],
    ['POST', '/servers', { name: 'own', server: { command: 'x', cwd: '/' } }],
    ['POST', '/servers', { name: 'own', server: { command: 'x', sandbox: 'none' } }],
    ['PUT', '/servers/own', { server: { url: 'http://127.0.0.1:9/', oauth: { clientSecret: 'x' } } }],
    ['PATCH', '/servers/up', { url: 'http://127.0.0.1:9/' }],
    ['PATCH', '/servers/off', { command: 'y' }],
    ['PATCH', '/config', { audit: { file: '/etc/cron.d/x' } }],
    ['PATCH', '/config', { secrets: { exec: { X: ['sh'] } } }],
    ['PATCH', '/config', { mcpServers: { own: { command: 'x' } } }],
    ['PATCH', '/config', { policy: { external: { url: 'http://127.0.0.1:9/' } } }],
    ['PATCH', '/config', { views: { v: { discovery: { embeddings: { url: 'http://127.0.0.1:9/' } } } } }],
    ['PATCH', '/config', { reload: 'off' }],
  ])('ADM-02 %s %s that names files, addresses or commands is refused', async (method, path, body) => {
    await using place = await startAdmin();
    const before = await hashOf(place.file);
    const answer = await place.ask(method, path, body, {
      ...bearer(place.admin),
      ...(method !== 'POST' && path !== '/servers/own' && { 'if-match': '*' }),
    });
    expect(answer.status, answer.body).toBe(400);
    expect(await hashOf(place.file)).toBe(before);
  });

  it('ADM-02 a secret that is bound to a server goes to no other address', async () => {
    await using place = await startAdmin();
    const edition = { ...bearer(place.admin), 'if-match': '*' };
    const put = await place.ask('PUT', '/servers/bound', { server: { url: 'http://127.0.0.1:9/evil' } }, edition);
    expect(put).toMatchObject({ status: 409, body: expect.stringContaining('file_only') });
    expect(await readFile(place.file, 'utf8')).not.toContain('evil');
  });

  it('needs the edition that was seen, and leaves the file as it was when it cannot be taken over', async () => {
    await using place = await startAdmin();
    const server = { url: 'http://127.0.0.1:9/mcp' };
    const etagAt = async (path: string): Promise<string> => String((await place.ask('GET', path)).headers.etag);
    const seen = (etag: string): Record<string, string> => ({ ...bearer(place.admin), 'if-match': etag });
    const put = (headers = bearer(place.admin) as Record<string, string>): Promise<Knocked> =>
      place.ask('PUT', '/servers/far', { server }, headers);
    expect((await put(seen('"old"'))).status).toBe(412);
    expect((await put()).status).toBe(200);
    expect((await put()).status).toBe(428);
    expect((await put({ ...bearer(place.admin), 'if-none-match': '*' })).status).toBe(412);
    const etag = await etagAt('/servers/far');
    // The same once more is nothing, and says so.
    expect(json(await put(seen(etag)))).toMatchObject({ status: 'unchanged' });
    // A change of another server is no change of this one.
    const other = seen(await etagAt('/servers/up'));
    expect((await place.ask('PATCH', '/servers/up', { tags: ['x'] }, other)).status).toBe(200);
    const trial = await place.ask('DELETE', '/servers/far?dryRun=true', {}, seen(etag));
    expect(json(trial)).toMatchObject({ status: 'valid', diff: [expect.stringContaining('far: removed')] });
    const off = await place.ask('PATCH', '/servers/far', { enabled: false }, seen(etag));
    expect(off.status, off.body).toBe(200);
    expect(off.headers.etag).toBe(await etagAt('/servers/far'));
    expect((await place.ask('DELETE', '/servers/far', {}, seen(etag))).status).toBe(412);
    expect(place.started.gateway.rooms.config.servers.find(({ name }) => name === 'far')?.enabled).toBe(false);
    // Of two who have seen the same, one comes too late.
    const config = seen(await etagAt('/config'));
    const both = ['5m', '6m'].map((human) => place.ask('PATCH', '/config', { limits: { human } }, config));
    expect((await Promise.all(both)).map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
    // Somebody opens a door in the file; it is not taken over, and so is no change that stands on it.
    const opened = { ...(JSON.parse(await readFile(place.file, 'utf8')) as object), auth: { mode: 'none' } };
    await writeFile(place.file, configurationText(opened));
    const before = await hashOf(place.file);
    const removed = await place.ask('DELETE', '/servers/far', {}, seen('*'));
    expect(removed).toMatchObject({ status: 409, body: expect.stringMatching(/auth\.mode.*Nothing was changed/) });
    expect(await hashOf(place.file)).toBe(before);
  });

  it('puts the file back when a reload does not take it over', async () => {
    await using place = await startAdmin({ reload: 'off' });
    const before = await hashOf(place.file);
    const answer = await place.ask('POST', '/servers', { name: 'far', server: { url: 'http://127.0.0.1:9/mcp' } });
    expect(answer).toMatchObject({ status: 409, body: expect.stringContaining('as it was') });
    expect(await hashOf(place.file)).toBe(before);
  });

  it('keeps the editions of the file: who, when and what; one of them can be had again', async () => {
    await using place = await startAdmin();
    const any = { ...bearer(place.admin), 'if-match': '*' };
    const original = await readFile(place.file, 'utf8');
    expect((await place.ask('PATCH', '/config', { limits: { human: '5m' } }, any)).status).toBe(200);
    expect((await place.ask('PATCH', '/config', { limits: { human: '6m' } }, any)).status).toBe(200);
    const { history } = json(await place.ask('GET', '/config/history')) as {
      history: { id: string; by: string; action: string; diff: string[] }[];
    };
    expect(history.map(({ action, by }) => [action, by])).toEqual([
      ['config.change', 'local#root'],
      ['config.change', 'local#root'],
      ['config.read', 'file'],
    ]);
    expect(history[0]?.diff).toEqual(['limits.human: "5m" → "6m"']);
    const first = `/config/history/${history.at(-1)?.id}`;
    expect(json(await place.ask('GET', first))).toMatchObject({ toRestore: ['limits.human: "6m" → "10m"'] });
    const restored = await place.ask('POST', `${first}/restore`, {}, any);
    expect(restored.status, restored.body).toBe(200);
    expect(await readFile(place.file, 'utf8')).toBe(original);
    expect(place.started.gateway.rooms.config.limits.humanMs).toBe(600_000);
    // What somebody writes himself is an edition as well.
    await writeFile(place.file, original.replace('"store"', '"naming": {"maxLength": 40}, "store"'));
    await expect.poll(async () => (await place.ask('GET', '/config/history')).body).toContain('maxLength');
    const state = join(place.file, '..', 'state');
    const names = (await readdir(state)).filter((name) => name.startsWith('state.db'));
    expect(names).toContain('state.db');
    for (const name of names) expect(await readFile(join(state, name), 'latin1')).not.toContain(CANARY);
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
    expect((await place.ask('PUT', '/principals/bob', { disabled: true })).status).toBe(200);
    await expect.poll(async () => (await knock(place.started.url, { headers: bearer(made.key) })).status).toBe(401);
    const { principals } = json(await place.ask('GET', '/principals')) as { principals: object[] };
    expect(principals).toContainEqual({ principal: 'local#bob', disabled: true, key: true, sessions: 0 });
    await place.ask('PUT', '/principals/local%23bob', { disabled: false });
    const rotated = json(await place.ask('POST', `/keys/${made.id}/rotate`, { graceSeconds: 0 })) as { key: string };
    await expect
      .poll(async () => (await knock(place.started.url, { headers: bearer(rotated.key) })).status)
      .not.toBe(401);
    expect((await place.ask('DELETE', '/keys/bob')).status).toBe(200);
    expect((await knock(place.started.url, { headers: bearer(rotated.key) })).status).toBe(401);
    expect((await place.ask('PUT', '/principals/local', { disabled: true })).status).toBe(409);
  });

  it('is recorded with who made it and with the hash before and after, and so are those who came without being admins', async () => {
    await using place = await startAdmin();
    await place.ask('POST', '/keys', { name: 'bob' });
    const refused = json(await place.ask('POST', '/keys', { name: 'bob' })) as { error: { id: string } };
    await place.ask('GET', '/keys', undefined, bearer(place.client));
    const { etag } = (await place.ask('GET', '/config')).headers;
    const any = { ...bearer(place.admin), 'if-match': '*' };
    const changed = await place.ask('PATCH', '/config', { limits: { human: '5m' } }, any);
    const recorded = async (query: string): Promise<unknown> =>
      (json(await place.ask('GET', `/audit?type=admin_actions&${query}`)) as { records: unknown }).records;
    const tag = (header: unknown): string => String(header).replaceAll('"', '');
    await expect
      .poll(() => recorded('action=config.change'))
      .toMatchObject([
        {
          principal: 'local#root',
          target: 'limits',
          decision: 'allow',
          before: tag(etag),
          after: tag(changed.headers.etag),
        },
      ]);
    expect(await recorded('action=key.create&decision=allow')).toMatchObject([
      { principal: 'local#root', target: 'bob', after: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
    expect(await recorded(`correlationId=${refused.error.id}`)).toMatchObject([
      { action: 'key.create', target: 'bob', decision: 'deny' },
    ]);
    expect(await recorded('action=admin.request')).toMatchObject([{ principal: 'local#ann', decision: 'deny' }]);
    // In pages: every record once.
    const all = (await recorded('limit=1000')) as { seq: number }[];
    const pages: number[] = [];
    for (let cursor = ''; ;) {
      const page = json(await place.ask('GET', `/audit?type=admin_actions&limit=2${cursor}`)) as {
        records: { seq: number }[];
        next?: string;
      };
      pages.push(...page.records.map(({ seq }) => seq));
      if (page.records.length === 0 || page.next === undefined) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(pages.slice(0, all.length)).toEqual(all.map(({ seq }) => seq));
    const verified = await place.ask('POST', '/audit/verify');
    expect(json(verified)).toMatchObject({ problems: [] });
    expect(json(await place.ask('POST', '/audit/verify', json(verified)))).toMatchObject({ problems: [] });
  });
});

describe('what is shown', () => {
  it('ADM-06 no route shows a secret of the configuration, a key or a session id', async () => {
    await using place = await startAdmin();
    const made = json(await place.ask('POST', '/keys', { name: 'bob' })) as { key: string };
    await using caller = await openCaller('session', place.started, made.key);
    await caller.ask('tools/list');
    const any = { ...bearer(place.admin), 'if-match': '*' };
    await place.ask('PATCH', '/config', { limits: { human: '5m' } }, any);
    const [{ id } = { id: '' }] = [...place.started.gateway.rooms.sessions];
    const routes = (await everyRoute(place)).filter(([method]) => method === 'GET');
    const texts = await Promise.all(routes.map(async ([method, path]) => (await place.ask(method, path)).body));
    const all = texts.join('\n');
    expect(all).toContain('x-thing');
    for (const secret of [CANARY, SHORT, place.admin, place.client, place.local, made.key, id])
      expect(all).not.toContain(secret);
  });

  it('bounds what comes: bodies, and requests in a minute', async () => {
    await using place = await startAdmin();
    expect((await place.ask('POST', '/keys', { name: 'x'.repeat(300_000) })).status).toBe(413);
    const statuses = new Set<number>();
    let last: Knocked | undefined;
    for (let count = 0; count < 620; count++) {
      last = await place.ask('GET', '/openapi.json');
      statuses.add(last.status);
    }
    expect([...statuses]).toEqual([200, 429]);
    expect(last?.headers).toMatchObject({ 'retry-after': expect.any(String), 'ratelimit-limit': '600' });
    expect((await place.ask('GET', '/health', undefined, bearer(place.local))).status).toBe(200);
  }, 60_000);
});
