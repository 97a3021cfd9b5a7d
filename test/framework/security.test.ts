/**
 * The rows of the policy that an author of a server relies on, on the library as it is built, by its public API alone: what is
 * sent to it is what a stranger may send. Parts of it are tested beside their sources.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createServer, mount, serve } from '@sallyport/server';
import type { McpServer, ServeOptions, Serving } from '@sallyport/server';
import { apiKey } from '@sallyport/server/auth';
import { connectInMemory, fakeClock, fakePrincipal } from '@sallyport/server/testing';
import { type } from 'arktype';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';

const CANARY = 'CANARY-7f3a91c2d4e84b06';
const KEYS = { ann: 'k3yOfAnn-0123456789abcdefghijklmnop', bob: 'k3yOfBob-0123456789abcdefghijklmnop' };
const ANN = { authorization: `Bearer ${KEYS.ann}` };
const auth = apiKey({ keys: Object.entries(KEYS).map(([name, key]) => ({ name, key, roles: [] })) });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

async function send(url: string, { body, headers, method }: Sent = {}): Promise<Answered> {
  const options = {
    agent: false,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body !== undefined && JSON_HEADERS), ...headers },
  };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options).once('response', resolve).once('error', reject).end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

/** A request of the stateless era. */
function asking(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Required<Pick<Sent, 'body' | 'headers'>> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'stranger', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const name = params['name'] ?? params['uri'];
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    headers: {
      ...ANN,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  };
}

async function site(server: McpServer, options: ServeOptions = {}): Promise<Serving & { readonly url: string }> {
  const serving = await serve(server, { http: true, log: false, ...options });
  ends.push(() => serving.destroy());
  return serving as Serving & { readonly url: string };
}

function quiet(): McpServer {
  return createServer({ name: 'test', version: '1.0.0', log: () => {} });
}

function fail(): never {
  throw new Error(`ENOENT: ${CANARY} /srv/private/notes.db 10.1.2.3 password=${CANARY}`);
}

describe('P2-08', () => {
  const LITERAL: Readonly<Record<string, string>> = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-xss-protection': '1; mode=block',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'content-security-policy': "default-src 'self'",
    'cache-control': 'no-store',
    vary: 'Origin',
  };

  it('P2-08 every answer has the headers, whatever its status, also of a mounted server', async () => {
    const server = quiet();
    server.addTool({ name: 'echo' }, () => 'x');
    const options: ServeOptions = {
      auth,
      limits: { bodyBytes: 2000, rate: { perTool: { limited: '1/h' } } },
      routes: [
        { path: '/open', auth: 'none', handle: (_asked, _answer, { json }) => json('open') },
        { path: '/fails', auth: 'none', handle: fail },
        { path: '/role', auth: 'required', requireRole: 'admin', handle: fail },
      ],
    };
    const { url } = await site(server, options);
    const origin = url.replace('/mcp', '');
    const echo = asking('tools/call', { name: 'echo' });
    const cases: [status: number, url: string, sent: Sent][] = [
      [200, url, echo],
      [200, `${origin}/healthz`, {}],
      [200, `${origin}/open`, {}],
      [400, url, { ...echo, body: '{' }],
      [401, url, { ...echo, headers: { ...echo.headers, authorization: 'Bearer no' } }],
      [403, url, { ...echo, headers: { ...echo.headers, origin: 'https://evil.example' } }],
      [403, url, { ...echo, headers: { ...echo.headers, host: 'evil.example' } }],
      [403, `${origin}/role`, { headers: ANN }],
      [404, `${origin}/nothing`, { headers: ANN }],
      [404, `${origin}/.well-known/nothing`, {}],
      [405, `${origin}/open`, { method: 'PUT' }],
      [413, url, { ...echo, body: 'x'.repeat(3000) }],
      [415, url, { ...echo, headers: { ...echo.headers, 'content-type': 'text/plain' } }],
      [500, `${origin}/fails`, {}],
    ];
    for (const [status, at, sent] of cases) {
      const answer = await send(at, sent);
      expect([at, status, answer.headers]).toMatchObject([at, answer.status, LITERAL]);
      expect(answer.headers['x-powered-by']).toBeUndefined();
      expect(answer.headers['strict-transport-security']).toBeUndefined();
    }
    const limited = asking('tools/call', { name: 'limited' });
    await send(url, limited);
    expect(await send(url, limited)).toMatchObject({ status: 429, headers: LITERAL });

    const mounted = await mount(server, { ...options, publicUrl: 'https://app.example' });
    ends.push(() => mounted.destroy());
    const theirs = createHttpServer(mounted.node);
    ends.push(() => theirs.close());
    await new Promise<void>((resolve) => theirs.listen(0, '127.0.0.1', resolve));
    const { port } = theirs.address() as AddressInfo;
    expect((await send(`http://127.0.0.1:${port}/open`)).headers).toMatchObject(LITERAL);
    for (const path of ['/mcp', '/open', '/role']) {
      const answer = await mounted.fetch(new Request(`https://app.example${path}`));
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        ...LITERAL,
        'strict-transport-security': 'max-age=63072000; includeSubDomains; preload',
      });
      await answer.body?.cancel();
    }
  });
});

describe('P2-10', () => {
  const JSON_SCHEMA = {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 2, maxLength: 8 },
      count: { type: 'integer', minimum: 1, maximum: 5 },
      kind: { enum: ['a', 'b'] },
      tags: { type: 'array', items: { type: 'string', pattern: '^[a-z]+$' }, maxItems: 2 },
    },
    required: ['name', 'count'],
    additionalProperties: false,
  };
  const schemas = {
    'JSON Schema': JSON_SCHEMA,
    zod: z.strictObject({
      name: z.string().min(2).max(8),
      count: z.int().min(1).max(5),
      kind: z.enum(['a', 'b']).optional(),
      tags: z
        .array(z.string().regex(/^[a-z]+$/))
        .max(2)
        .optional(),
    }),
    arktype: type({
      '+': 'reject',
      name: '2 <= string <= 8',
      count: '1 <= number.integer <= 5',
      'kind?': "'a'|'b'",
      'tags?': '(/^[a-z]+$/)[] <= 2',
    }),
  };
  const BROKEN: readonly [field: string, args: Readonly<Record<string, unknown>>][] = [
    ['name', { count: 1 }],
    ['name', { name: 7, count: 1 }],
    ['name', { name: 'x', count: 1 }],
    ['name', { name: 'x'.repeat(9), count: 1 }],
    ['count', { name: 'abc' }],
    ['count', { name: 'abc', count: '1' }],
    ['count', { name: 'abc', count: 6 }],
    ['count', { name: 'abc', count: 1.5 }],
    ['count', { name: 'abc', count: null }],
    ['kind', { name: 'abc', count: 1, kind: 'c' }],
    ['tags', { name: 'abc', count: 1, tags: ['a', 'b', 'c'] }],
    ['tags', { name: 'abc', count: 1, tags: ['A'] }],
    ['extra', { name: 'abc', count: 1, extra: true }],
    ['__proto__', JSON.parse('{"name":"abc","count":1,"__proto__":{"admin":true}}') as Record<string, unknown>],
    ['constructor', { name: 'abc', count: 1, constructor: { prototype: {} } }],
  ];

  it.each(Object.entries(schemas))(
    'P2-10 P2-11 arguments that break the schema of %s never reach the tool',
    async (_kind, inputSchema) => {
      const server = quiet();
      let calls = 0;
      server.addTool({ name: 'take', inputSchema }, (args) => {
        calls++;
        return JSON.stringify(args);
      });
      const client = await connectInMemory(server);
      for (const [field, args] of BROKEN) {
        const answer = await client.request('tools/call', { name: 'take', arguments: args as never });
        expect([JSON.stringify(args), answer]).toMatchObject([expect.any(String), { isError: true }]);
        expect(JSON.stringify(answer)).toContain(field);
      }
      expect(calls).toBe(0);
      // Nothing is repaired or cleaned: what fits arrives byte for byte.
      const odd = 'a\u0000\u001b‮;<b>';
      expect(await client.callTool('take', { name: odd, count: 1 })).toMatchObject({
        content: [{ text: JSON.stringify({ name: odd, count: 1 }) }],
      });
      expect(calls).toBe(1);
    },
  );
});

describe('P2-13', () => {
  it('P2-13 twenty ways to fail tell nobody what is inside; what a handler threw is found in the log by its id', async () => {
    const lines: string[] = [];
    const log = (_level: string, text: string, detail: object = {}): void => {
      lines.push(
        `${text} ${JSON.stringify(detail, (_name, value: unknown) => (value instanceof Error ? value.message : value))}`,
      );
    };
    const server = createServer({ name: 'test', version: '1.0.0', log });
    server.addTool({ name: 'fails' }, fail);
    server.addTool({ name: 'later' }, async () => await Promise.reject(new TypeError(CANARY)));
    server.addTool({ name: 'odd' }, () => {
      throw Object.assign(new Error(CANARY), { toString: fail, toJSON: fail });
    });
    server.addTool({ name: 'circular' }, () => {
      const circle: Record<string, unknown> = { secret: CANARY };
      circle['self'] = circle;
      return circle;
    });
    server.addTool({ name: 'hidden', visible: fail }, () => CANARY);
    server.addTool({ name: 'only', requireRole: 'admin', description: CANARY }, () => CANARY);
    server.addTool(
      { name: 'shaped', outputSchema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] } },
      () => ({ n: CANARY }),
    );
    server.addResource({ uri: 'test://fails', name: 'fails' }, fail);
    server.addResourceTemplate(
      { uriTemplate: 'test://many/{id}', name: 'many', list: fail, complete: { id: fail } },
      fail,
    );
    server.addPrompt({ name: 'fails', arguments: [{ name: 'a' }], complete: { a: fail } }, fail);
    const { url } = await site(server, {
      log,
      auth: [auth, ({ authorization }) => (authorization === 'Bearer broken' ? fail() : undefined)],
      query: fail,
      limits: { rate: { key: fail, skip: fail, onLimitReached: fail } },
      routes: [
        { path: '/fails', auth: 'none', handle: fail },
        { path: '/later', auth: 'none', handle: async () => await Promise.reject(new Error(CANARY)) },
      ],
    });
    const origin = url.replace('/mcp', '');
    const ref = { type: 'ref/resource', uri: 'test://many/{id}' };
    const prompt = { type: 'ref/prompt', name: 'fails' };
    const argument = { name: 'id', value: '' };
    const ways: readonly [url: string, sent: Sent][] = [
      ...['fails', 'later', 'odd', 'circular', 'hidden', 'only', 'shaped', 'none'].map((name): [string, Sent] => [
        url,
        asking('tools/call', { name }),
      ]),
      [url, asking('tools/list')],
      [url, asking('resources/list')],
      [url, asking('resources/read', { uri: 'test://fails' })],
      [url, asking('resources/read', { uri: 'test://many/1' })],
      [url, asking('resources/read', { uri: 'file:///etc/passwd' })],
      [url, asking('prompts/get', { name: 'fails' })],
      [url, asking('prompts/get', { name: 'none' })],
      [url, asking('completion/complete', { ref, argument })],
      [url, asking('completion/complete', { ref: prompt, argument: { name: 'a', value: '' } })],
      [url, asking('no/such')],
      [`${url}?a=1`, asking('tools/list')],
      [url, { ...asking('tools/list'), headers: { ...asking('tools/list').headers, authorization: 'Bearer broken' } }],
      [url, { ...asking('tools/list'), body: '{"a":' }],
      [`${origin}/fails`, {}],
      [`${origin}/later`, {}],
    ];
    const texts: string[] = [];
    for (const [at, sent] of ways) texts.push(JSON.stringify(await send(at, sent)));
    expect(texts.length).toBeGreaterThanOrEqual(20);
    for (const text of texts)
      expect(text).not.toMatch(/CANARY|\/srv\/|\/work\/|10\.1\.2\.3|node_modules|\bat \S+ \(|ENOENT/);
    const ids = texts.flatMap((text) => [...text.matchAll(/\(id ([0-9a-f-]{36})\)/g)].map(([, id = '']) => id));
    expect(ids.length).toBeGreaterThanOrEqual(7);
    for (const id of ids) expect(lines.filter((line) => line.includes(id))).not.toEqual([]);
  });
});

describe('P2-14', () => {
  it('P2-14 P3-09 of a burst as many pass as may; each client has its own; time gives them back', async () => {
    const clock = fakeClock(1_000_000);
    const server = quiet();
    server.addTool({ name: 'echo' }, () => 'x');
    const { url } = await site(server, {
      auth,
      now: clock.now,
      limits: { rate: { perPrincipal: { count: 10, periodMs: 1000 } } },
    });
    const { body, headers } = asking('tools/call', { name: 'echo' });
    const burst = async (who: keyof typeof KEYS, count: number): Promise<number> => {
      const as = { body, headers: { ...headers, authorization: `Bearer ${KEYS[who]}` } };
      const all = await Promise.all(Array.from({ length: count }, async () => await send(url, as)));
      const refused = all.filter(({ status }) => status === 429).map(({ headers: told }) => told);
      for (const told of refused) {
        const { 'ratelimit-limit': most, 'ratelimit-remaining': left, 'retry-after': after } = told;
        expect([most, left, after]).toEqual(['10', '0', '1']);
      }
      return all.filter(({ status }) => status === 200).length;
    };
    expect([await burst('ann', 30), await burst('bob', 5)]).toEqual([10, 5]);
    clock.advance(300);
    expect(await burst('ann', 10)).toBe(3);
    clock.advance(10_000);
    expect(await burst('ann', 30)).toBe(10);
  });
});

describe('P2-16', () => {
  it('P2-16 P4-07 five people and twenty tools: each sees and may call exactly what is theirs', async () => {
    const server = quiet();
    const ROLES = ['admin', 'editor', 'auditor', 'reader', ''];
    const called: string[] = [];
    const tools = Array.from({ length: 20 }, (_none, at) => {
      const wanted = ROLES.filter((role, index) => role !== '' && ((at >> index) & 1) === 1);
      const name = `tool_${at}`;
      const run = (_given: unknown, { user }: { readonly user: { readonly id: string } }): string => {
        called.push(`${user.id} ${name}`);
        return name;
      };
      server.addTool({ name, ...(wanted.length > 0 && { requireRole: wanted }) }, run);
      return { name, wanted };
    });
    const cells: string[] = [];
    for (const era of ['session', 'stateless'] as const) {
      for (const role of ROLES) {
        // What a client says of itself counts for nothing.
        const principal = fakePrincipal({ subject: `${era}-${role}`, roles: role === '' ? [] : [role] });
        const client = await connectInMemory(server, { era, principal, capabilities: { roles: ['admin'] } });
        const shown = (await client.listTools()).map(({ name }) => name);
        for (const { name, wanted } of tools) {
          const may = wanted.length === 0 || wanted.includes(role);
          expect([era, role, name, shown.includes(name)]).toEqual([era, role, name, may]);
          const call = client.callTool(name, { roles: ['admin'] }, { meta: { roles: ['admin'] } });
          const outcome = await call.then(
            () => 'called',
            (error: unknown) => (error as Error).message,
          );
          expect([era, role, name, outcome]).toEqual([era, role, name, may ? 'called' : `Unknown tool: ${name}`]);
          if (may) cells.push(`${era}-${role} ${name}`);
        }
        client.close();
      }
    }
    expect(called).toEqual(cells);
  });
});

describe('P2-19', () => {
  it('P2-19 what stands in a line of stdio is text for the tool, whatever a shell would make of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-stdio-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const marker = join(folder, 'marker');
    const server = quiet();
    server.addTool({ name: 'echo', inputSchema: z.strictObject({ text: z.string() }) }, ({ text }) => text);
    const [input, output] = [new PassThrough(), new PassThrough()];
    const serving = await serve(server, { stdio: { input, output }, log: false });
    ends.push(() => serving.destroy());
    const lines = output[Symbol.asyncIterator]();
    let kept = '';
    const next = async (): Promise<{ readonly id: number; readonly result: { readonly content: unknown } }> => {
      while (!kept.includes('\n')) kept += String((await lines.next()).value);
      const end = kept.indexOf('\n');
      const line = kept.slice(0, end);
      kept = kept.slice(end + 1);
      return JSON.parse(line) as { readonly id: number; readonly result: { readonly content: unknown } };
    };
    const clientInfo = { name: 'stranger', version: `$(touch ${marker})` };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })}\n`);
    expect((await next()).id).toBe(0);
    const texts = [
      `; touch ${marker}`,
      `$(touch ${marker})`,
      `\`touch ${marker}\``,
      `a\ntouch ${marker}\n`,
      '\u2028\r\n{"jsonrpc":"2.0"}',
    ];
    for (const [at, text] of texts.entries()) {
      const call = { jsonrpc: '2.0', id: at + 1, method: 'tools/call', params: { name: 'echo', arguments: { text } } };
      input.write(`${JSON.stringify(call)}\n`);
      expect(await next()).toMatchObject({ id: at + 1, result: { content: [{ type: 'text', text }] } });
    }
    expect(existsSync(marker)).toBe(false);
  });
});
