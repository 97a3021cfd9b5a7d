/** The HTTP face of `sallyport spec`. What is the framework's own is tested there in full; here it is shown to be switched on. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/process.ts';
import { ask, INITIALIZE, type Reply } from './ask.ts';
import { VALID } from './inputs.ts';
import { KEY, makeSite, overHttp, sample, serveHttp, type Served, type Site } from './support.ts';

const BEARER = { authorization: `Bearer ${KEY}` };

describe('over HTTP', () => {
  let site: Site;
  let served: Served;

  beforeAll(async () => {
    site = await makeSite();
    served = await serveHttp(site, {
      API_KEY: KEY,
      ENABLE_AUTH: 'true',
      ALLOWED_ORIGINS: 'http://localhost:*,https://*.smithery.ai',
      ORIGIN_WHITELIST: 'https://exact.test',
      RATE_LIMIT_MAX: '100000',
      LOG_LEVEL: 'debug',
    });
  });

  afterAll(async () => {
    await served?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  it('P3-01 asks for the key', async () => {
    const statuses: number[] = [];
    for (const authorization of [
      undefined,
      `Bearer ${KEY.slice(0, -1)}`,
      KEY,
      `Bearer  ${KEY}x`,
      `Bearer ${KEY}`,
      `bearer ${KEY}`,
    ]) {
      statuses.push((await ask(served.url, { headers: authorization === undefined ? {} : { authorization } })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 200, 200]);
    const twice = await ask(served.url, { headers: { authorization: [`Bearer ${KEY}`, 'Bearer wrong'] } });
    expect([400, 401]).toContain(twice.status);
    expect((await ask(served.url, { method: 'GET', path: '/metrics' })).status).toBe(401);
    expect(served.running.stderr()).not.toContain(KEY);
  });

  it.each([
    ['https://a.smithery.ai', 200],
    ['http://localhost:3000', 200],
    ['https://exact.test', 200],
    ['https://smithery.ai.evil.test', 403],
    ['https://evilsmithery.ai', 403],
    ['https://evil.test?x.smithery.ai', 403],
    ['http://localhost.evil.test:80', 403],
    ['http://localhost:80@evil.test', 403],
    ['http://a.smithery.ai', 403],
    ['https://sub.exact.test', 403],
    ['null', 403],
  ])('P3-03/04 Origin %s: %i', async (origin, status) => {
    expect((await ask(served.url, { headers: { ...BEARER, origin } })).status).toBe(status);
  });

  it('P3-03/04 refuses two Origins and another Host before it reads the body', async () => {
    const host = new URL(served.url).host;
    const statuses = [
      await ask(served.url, {
        headers: { ...BEARER, origin: ['https://a.smithery.ai', 'https://evil.test'] },
        body: '{',
      }),
      await ask(served.url, { headers: { ...BEARER, host: 'evil.test' }, body: '{' }),
      await ask(served.url, { headers: { ...BEARER, host: `${host}.evil.test` }, body: '{' }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([403, 403, 403]);
  });

  it('P3-11 sends the headers on every kind of answer', async () => {
    const replies = [
      await ask(served.url, { method: 'GET', path: '/healthz' }),
      await ask(served.url, { method: 'GET', path: '/metrics', headers: BEARER }),
      await ask(served.url),
      await ask(served.url, { headers: BEARER }),
      await ask(served.url, { method: 'GET', path: '/nothing', headers: BEARER }),
      await ask(served.url, { headers: { ...BEARER, origin: 'https://evil.test' } }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 401, 200, 404, 403]);
    for (const { headers } of replies) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-xss-protection': '1; mode=block',
        'content-security-policy': expect.stringContaining("default-src 'self'") as string,
        'referrer-policy': expect.stringMatching(/^(?:strict-origin-when-cross-origin|no-referrer)$/) as string,
      });
      expect([headers['x-powered-by'], headers['server'], headers['strict-transport-security']]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
  });

  it('P1-14/P3-10 P2-12 bounds and checks the body', async () => {
    const post = (headers: Record<string, string>, body?: string | Buffer): Promise<Reply> =>
      ask(served.url, { headers: { ...BEARER, ...headers }, ...(body === undefined ? {} : { body }) });
    const replies = [
      await post({}, `${INITIALIZE}${' '.repeat(4 * 1024 * 1024 + 1)}`),
      await post({ 'content-type': 'text/plain' }),
      await post({ 'content-type': 'application/json; charset=utf-16' }),
      await post({ 'content-encoding': 'gzip' }),
      await post({}, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
      await post({}, '{"jsonrpc":'),
    ];
    expect(replies.map(({ status }) => status)).toEqual([413, 415, 415, 415, 400, 400]);
    expect((await post({})).status).toBe(200);
  });

  it('P2-10/11/P3-05 refuses arguments that the schema does not allow, with the name and without an internal', async () => {
    await using caller = await overHttp(served.url, KEY);
    for (const [name, args, field] of [
      ['tasks_search', { query: 5 }, 'query'],
      ['tasks_search', {}, 'query'],
      ['tasks_search', { query: 'x', limit: 101 }, 'limit'],
      ['tasks_search', { query: 'x', surprise: 1 }, 'surprise'],
      ['tasks_search', { query: 'x'.repeat(501) }, 'query'],
      ['specify_start', { projectName: 'x', agent: 'other' }, 'agent'],
      ['tasks_tick', { taskId: '.*' }, 'taskId'],
    ] as const) {
      const { refused, text } = await caller.tell(name, args);
      expect([name, refused, text]).toEqual([name, true, expect.stringContaining(field)]);
    }
  });

  it('P2-13 tells no path, stack or system error, whatever is wrong with the files', async () => {
    await using spoilt = await makeSite();
    await using other = await serveHttp(spoilt, { API_KEY: KEY, RATE_LIMIT_MAX: '100000' });
    await using caller = await overHttp(other.url, KEY);
    await sample(caller);
    const wrong: Record<string, () => Promise<unknown>> = {
      'a folder in place of spec.md': async () => {
        execFileSync('rm', ['-f', 'specs/001-note-keeping/spec.md'], { cwd: spoilt.folder });
        await mkdir(join(spoilt.folder, 'specs/001-note-keeping/spec.md'));
      },
      'a pipe in place of plan.md': async () =>
        execFileSync('sh', ['-c', 'rm plan.md && mkfifo plan.md'], {
          cwd: join(spoilt.folder, 'specs/001-note-keeping'),
        }),
      // Root reads and writes them all the same.
      'texts that may not be read': async () => {
        for (const name of ['data-model.md', 'research.md'])
          await chmod(join(spoilt.folder, 'specs/001-note-keeping', name), 0o000);
      },
      'bytes in place of tasks.md': async () =>
        writeFile(join(spoilt.folder, 'specs/001-note-keeping/tasks.md'), Buffer.from([0xff, 0xfe, 0])),
      'a damaged setup': async () => spoilt.write('.specify/init-options.json', '{'),
      'a constitution that is a loop': async () =>
        execFileSync('sh', ['-c', 'rm constitution.md && ln -s constitution.md constitution.md'], {
          cwd: join(spoilt.folder, '.specify/memory'),
        }),
      'a file where a folder is needed': async () =>
        execFileSync('sh', ['-c', 'rm -r checklists; touch checklists'], {
          cwd: join(spoilt.folder, 'specs/001-note-keeping'),
        }),
      'folders that may not be written': async () => {
        for (const name of ['specs/001-note-keeping', '.specify/.sallyport', '.specify'])
          await chmod(join(spoilt.folder, name), 0o555);
      },
    };
    for (const [what, spoil] of Object.entries(wrong)) {
      await spoil();
      for (const [name, args] of VALID) {
        if (/^(?:quality_|prereqs_|git_|metrics_)/.test(name)) continue;
        const { text, value } = await caller.tell(name, args);
        const said = `${text}${name === 'workflow_status' ? '' : JSON.stringify(value)}`;
        expect(said, `${what}: ${name}`).not.toMatch(/\bE[A-Z]{4,}\b: |\n\s+at |node:|\/proc\/|sqlite_/i);
        // Where the workspace is, workflow_status may say: whoever may call knows what he works in.
        expect(name === 'workflow_status' ? '' : said, `${what}: ${name}`).not.toContain(spoilt.base);
      }
    }
    for (const name of ['.specify', '.specify/.sallyport', 'specs/001-note-keeping'])
      await chmod(join(spoilt.folder, name), 0o755);
    // What is wrong with one feature does not hide the project.
    expect((await caller.tell('workflow_status')).refused).toBe(false);
  }, 120_000);

  it('P3-09/P2-14 lets as many requests pass as it should, by address', async () => {
    await using other = await serveHttp(site, { API_KEY: KEY, RATE_LIMIT_WINDOW: '3600000', RATE_LIMIT_MAX: '10' });
    const replies = await Promise.all(Array.from({ length: 30 }, () => ask(other.url, { headers: BEARER })));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(10);
    const limited = replies.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(20);
    for (const { headers } of limited) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(other.url, { method: 'GET', path: '/healthz' })).status).toBe(200);
  });

  it('P3-14 another key after a new start; and nobody else is let in without one', async () => {
    const next = `${KEY.slice(0, -4)}next`;
    await using other = await serveHttp(site, { API_KEY: next });
    const status = async (key: string): Promise<number> =>
      (await ask(other.url, { headers: { authorization: `Bearer ${key}` } })).status;
    expect([await status(KEY), await status(next)]).toEqual([401, 200]);
  });

  const base64 = (value: unknown): string => encodeURIComponent(Buffer.from(JSON.stringify(value)).toString('base64'));

  it('P3-12 refuses a key in the URL, and a configuration nobody allowed, with the reason and not in the log', async () => {
    for (const query of [
      `apiKey=${KEY}`,
      `api_key=${KEY}`,
      `config=${base64({ apiKey: KEY })}`,
      `config=${base64({ workspacePath: '.' })}`,
    ]) {
      const { status, text } = await ask(served.url, { path: `/mcp?${query}`, headers: BEARER });
      expect([query, status]).toEqual([query, 400]);
      expect(text).toMatch(/URL/);
      expect(text).not.toContain(KEY);
    }
    expect((await ask(served.url, { path: `/mcp?apiKey=${KEY}` })).status).not.toBe(200);
    for (const secret of [KEY, base64({ apiKey: KEY })]) expect(served.running.stderr()).not.toContain(secret);
  });

  it('P3-12 narrows to a folder where it is allowed, and opens nothing', async () => {
    await using other = await serveHttp(site, { API_KEY: KEY, RATE_LIMIT_MAX: '10000' }, ['--allow-config']);
    await mkdir(join(site.folder, 'inner/specs/001-inner'), { recursive: true });
    await writeFile(join(site.outside, 'spec.md'), 'outside');
    const status = async (config: string): Promise<number> =>
      (await ask(other.url, { path: `/mcp?config=${config}`, headers: BEARER })).status;
    for (const [what, config] of Object.entries({
      json: base64('text'),
      array: base64([]),
      broken: encodeURIComponent(Buffer.from('{').toString('base64')),
      prototype: encodeURIComponent(Buffer.from('{"__proto__":{"workspacePath":"/etc"}}').toString('base64')),
      auth: base64({ enableAuth: false }),
      origins: base64({ allowedOrigins: ['*'] }),
      key: base64({ apiKey: 'x' }),
      command: base64({ command: 'sh' }),
      outside: base64({ workspacePath: site.outside }),
      above: base64({ workspacePath: '..' }),
      type: base64({ workspacePath: 1 }),
      // Nothing is wrong with it but its size.
      large: encodeURIComponent(Buffer.from(`{}${' '.repeat(6000)}`).toString('base64')),
      twice: `${base64({})}&config=${base64({ workspacePath: 'inner' })}`,
      base: '%00%ff',
    })) {
      expect([what, await status(config)]).toEqual([what, 400]);
    }
    expect((await ask(other.url, { path: `/mcp?config=${base64({ workspacePath: 'inner' })}` })).status).toBe(401);
    await using caller = await overHttp(`${other.url}?config=${base64({ workspacePath: 'inner' })}`, KEY);
    expect(await caller.call('workflow_status')).toMatchObject({
      workspace: join(site.folder, 'inner'),
      features: [{ name: '001-inner' }],
    });
    for (const workspacePath of [site.folder, '..', site.outside]) {
      expect([workspacePath, (await caller.tell('workflow_status', { workspacePath })).refused]).toEqual([
        workspacePath,
        true,
      ]);
    }
    expect(await caller.resource('spec://features')).toContain('001-inner');
    await using whole = await overHttp(other.url, KEY);
    expect(await whole.call('workflow_status')).toMatchObject({ workspace: site.folder });
  });

  it('P3-12 holds a session to the URL it was made at', async () => {
    await using other = await serveHttp(site, { API_KEY: KEY, RATE_LIMIT_MAX: '10000' }, ['--allow-config']);
    await mkdir(join(site.folder, 'inner'), { recursive: true });
    const made = await ask(other.url, { path: `/mcp?config=${base64({ workspacePath: 'inner' })}`, headers: BEARER });
    const headers = {
      ...BEARER,
      'mcp-session-id': String(made.headers['mcp-session-id']),
      'mcp-protocol-version': '2025-06-18',
    };
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { name: 'workflow_status', arguments: {} },
    });
    const wide = await ask(other.url, { headers, body });
    expect(wide.text.includes(`"${site.folder}"`)).toBe(false);
    const narrow = await ask(other.url, { path: `/mcp?config=${base64({ workspacePath: 'inner' })}`, headers, body });
    expect(narrow.text).toContain(join(site.folder, 'inner'));
  });

  it.each([
    ['nobody is known beyond this machine', ['--host', '0.0.0.0'], {}],
    ['nobody is known, and the environment names the network', [], { MCP_HOST: '::' }],
    ['the key is too short', [], { API_KEY: 'short' }],
    ['a key is asked for and missing', [], { ENABLE_AUTH: 'true' }],
    ['every origin is allowed', [], { ALLOWED_ORIGINS: '*' }],
    ['an origin allows every host', [], { ALLOWED_ORIGINS: 'https://*' }],
  ])('P3-01 does not start when %s', async (_why, flags, env) => {
    const { command, args } = site.program();
    const ended = await run(command, [...args, '--http', '--port', '0', ...flags], {
      env: { ...site.env, ...(env as Record<string, string>) },
      cwd: site.base,
      timeoutMs: 20_000,
    });
    expect(ended.timedOut).toBe(false);
    expect(ended.code).toBe(3);
    expect(ended.stderr).not.toMatch(/plainBehindProxy|openToStrangers|\n\s+at /);
  });
});
