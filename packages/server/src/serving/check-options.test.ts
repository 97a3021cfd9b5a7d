import { describe, expect, it } from 'vitest';
import { createServer } from '../framework/server.ts';
import { session } from './auth/session.ts';
import { mount } from './mount.ts';
import type { ServeOptions } from './options.ts';
import { serve } from './serve.ts';
import { ask } from './testing/ask.ts';

const server = createServer({ name: 'test', version: '1.0.0', log: () => {} });
const handle = (): void => {};
const open = { path: '/a', auth: 'none', handle };

/** As a program without types, or with a variable that was not set, has them. */
const REFUSED: readonly [option: string, given: Readonly<Record<string, unknown>>][] = [
  ['rateLimit', { rateLimit: { max: 5 } }],
  ['limits.rate.perPrinciple', { limits: { rate: { perPrinciple: '1/m' } } }],
  ['limits.rate', { limits: { rate: null } }],
  ['limits.rate.skip', { limits: { rate: { skip: true } } }],
  ['limits.bodyBytes', { limits: { bodyBytes: '1mb' } }],
  ['limits.bodyBytes', { limits: { bodyBytes: Number.NaN } }],
  ['limits.message.depth', { limits: { message: { depth: -1 } } }],
  ['limits.listener.sweepMs', { limits: { listener: { sweepMs: 0 } } }],
  ['limits.drainMs', { limits: { drainMs: Infinity } }],
  ['sessions.idleMs', { sessions: { idleMs: Number.NaN } }],
  ['sessions.max', { sessions: { max: '5' } }],
  ['sessions.store', { sessions: { store: { get: handle } } }],
  ['auth', { auth: undefined }],
  ['auth', { auth: false }],
  ['auth', { auth: [{ kind: 'mine' }] }],
  ['scopes', { scopes: 'mcp' }],
  ['hosts', { hosts: ['app.example:8080'] }],
  ['hosts', { hosts: ['*'] }],
  ['origins', { origins: ['https://app.example/'] }],
  ['origins', { origins: ['https://app.example:443'] }],
  ['origins', { origins: ['app.example'] }],
  ['origins', { origins: ['null'] }],
  ['cors.allowedHeaders', { cors: { allowedHeaders: ['x\r\ny: z'] } }],
  ['cors', { cors: true }],
  ['publicUrl', { publicUrl: 'http://app.example' }],
  ['publicUrl', { publicUrl: 'https://user:secret@app.example' }],
  ['openToStrangers', { openToStrangers: 'false' }],
  ['path', { path: '/a/../mcp' }],
  ['health', { health: '/mcp' }],
  ['routes', { routes: [open, open] }],
  [
    'routes',
    {
      routes: [
        { ...open, path: '/a/*' },
        { ...open, path: '/a/b', auth: 'required' },
      ],
    },
  ],
  ['routes', { routes: [{ ...open, path: '/healthz' }] }],
  ['routes', { routes: [{ ...open, path: '/*' }] }],
  ['routes', { routes: [{ ...open, path: '/a*' }] }],
  ['routes', { routes: [{ ...open, path: '/a b' }] }],
  ['routes', { routes: [{ ...open, path: '/login' }], auth: session() }],
  ['routes', { routes: [{ ...open, path: '/.well-known/mine', auth: 'required' }] }],
  ['routes', { routes: [{ ...open, auth: 'Required' }] }],
  ['routes', { routes: [{ ...open, auth: 'browser' }] }],
  ['routes', { routes: [{ ...open, methods: ['post'] }] }],
  ['routes', { routes: [{ path: '/a', auth: 'none' }] }],
  ['routes', { routes: [null] }],
  ['routes', { routes: [{ ...open, requireRole: 'admin' }] }],
  ['routes', { routes: [{ ...open, auth: 'required', requireRole: [] }] }],
  ['routes', { routes: [{ ...open, auth: 'required', requireRole: { admin: true } }] }],
  ['routes', { routes: [{ ...open, auth: 'required', requireScope: null }] }],
  ['routes', { routes: [{ ...open, auth: 'required', requireRoles: 'admin' }] }],
];

describe('an option that could have no effect, or another than its author thinks,', () => {
  it.each(REFUSED)('is refused by its name: %s, %j', async (option, given) => {
    const problem = { code: 'bad_option', message: expect.stringMatching(new RegExp(`^${option}\\b`)) as unknown };
    await expect(serve(server, { http: true, log: false, ...given })).rejects.toMatchObject(problem);
    await expect(mount(server, { loopback: true, log: false, health: '/healthz', ...given })).rejects.toMatchObject(
      problem,
    );
  });

  it.each<[option: string, given: Readonly<Record<string, unknown>>]>([
    ['http.port', { http: { port: 70_000 } }],
    ['http.hots', { http: { hots: '::1' } }],
    ['https', { https: {} }],
    ['https.minVersion', { https: { key: 'a', cert: 'b', minVersion: 'TLSv1' } }],
    ['stdio', { stdio: 'yes' }],
  ])('is refused of a listener: %s, %j', async (option, given) => {
    const problem = { code: 'bad_option', message: expect.stringMatching(new RegExp(`^${option}\\b`)) as unknown };
    await expect(serve(server, { log: false, ...given })).rejects.toMatchObject(problem);
    await expect(mount(server, { log: false, ...given })).rejects.toMatchObject({ code: 'bad_option' });
  });

  it('is none where it is undefined: what holds is the default', async () => {
    const serving = await serve(server, {
      http: true,
      log: false,
      limits: { bodyBytes: undefined, listener: { sweepMs: undefined } },
      sessions: { idleMs: undefined, max: 0 },
    } as unknown as ServeOptions);
    const greeting = { jsonrpc: '2.0', id: 0, method: 'initialize' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const answer = await ask(String(serving.url), { body: JSON.stringify({ ...greeting, params }) });
    await serving.destroy();
    // `max: 0` is no mistake: sessions are not wanted.
    expect([answer.status, answer.text.includes('Too many sessions')]).toEqual([429, true]);
  });
});
