import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { connectInMemory, type InMemoryClient } from '../kit/client.ts';
import { fakePrincipal } from '../kit/principal.ts';
import type { Context } from './context.ts';
import { createServer, type McpServer } from './server.ts';

function withTool(handler: (context: Context) => unknown): McpServer {
  const server = createServer({ name: 'test', version: '1.0.0', log: () => {} });
  server.addTool({ name: 'x' }, async (_params, context) => await handler(context));
  return server;
}

const ERAS = ['session', 'stateless'] as const;

describe.each(ERAS)('the context of a call in the %s era', (era) => {
  it('S2-27 is that of its own call, for a hundred clients at once', async () => {
    const server = createServer({ name: 'test', version: '1.0.0' });
    server.addTool({ name: 'who', inputSchema: z.object({ tag: z.string() }) }, async ({ tag }, context) => {
      const before = `${context.user.id} ${context.user.roles.join()} ${tag}`;
      for (let i = 0; i < 5; i++) await turn();
      context.log('error', tag);
      context.progress(1);
      return `${before} ${context.principal.subject} ${String(context.requestId)}`;
    });
    const clients = await Promise.all(
      Array.from({ length: 100 }, async (_each, index) => {
        const subject = `client-${index}`;
        const principal = fakePrincipal({ subject, roles: [`role-${index}`] });
        return {
          subject,
          role: `role-${index}`,
          client: await connectInMemory(server, { principal, era, logLevel: 'error' }),
        };
      }),
    );
    const calls = clients.flatMap((each) => [1, 2].map((call) => ({ ...each, tag: `${each.subject}/${call}` })));
    const answers = await Promise.all(
      calls.map(
        async ({ client, tag }) =>
          (await client.callTool('who', { tag }, { onProgress: () => {} })).content[0]?.['text'],
      ),
    );
    answers.forEach((answer, index) => {
      const { role, subject, tag } = calls[index] ?? { role: '', subject: '', tag: '' };
      expect(answer).toMatch(new RegExp(`^${subject} ${role} ${tag} ${subject} \\d+$`));
    });
    for (const { client, subject } of clients) {
      const logged = client.notices.filter(({ method }) => method === 'notifications/message');
      expect(logged.map(({ params }) => params['data'])).toEqual([`${subject}/1`, `${subject}/2`]);
      expect(client.notices.filter(({ method }) => method === 'notifications/progress')).toHaveLength(2);
    }
  });

  it('says who calls, what they can do and how', async () => {
    const facts: unknown[] = [];
    const server = withTool((context) => {
      const { client, era: said, principal, revision, session, transport, user } = context;
      facts.push({
        user,
        said,
        revision,
        transport,
        principal,
        capabilities: client.capabilities,
        session: session?.id !== undefined,
      });
    });
    const principal = fakePrincipal({ roles: ['admin'], groups: ['g'], scopes: ['read'], claims: { email: 'a@b' } });
    await (await connectInMemory(server, { era, principal, capabilities: { roots: {} } })).callTool('x');
    expect(facts).toEqual([
      {
        user: { id: 'alice', roles: ['admin'], groups: ['g'], scopes: ['read'], claims: { email: 'a@b' } },
        said: era,
        revision: era === 'session' ? '2025-11-25' : '2026-07-28',
        transport: 'stdio',
        principal,
        capabilities: { roots: {} },
        session: era === 'session',
      },
    ]);
  });

  it('goes on with the trace of its caller, or begins one', async () => {
    const server = withTool(({ trace }) => trace);
    const client = await connectInMemory(server, { era });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const read = async (meta: Record<string, string>): Promise<unknown> =>
      JSON.parse((await client.callTool('x', {}, { meta })).content[0]?.['text'] as string);
    expect(await read({ traceparent, tracestate: 'a=b' })).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      traceparent,
      tracestate: 'a=b',
    });
    const fresh = await read({ traceparent: 'none' });
    expect(fresh).toMatchObject({ traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-01$/) as unknown });
    expect(await read({})).not.toEqual(fresh);
  });

  it('sends what belongs to the call before its answer, and nothing after it', async () => {
    const later = Promise.withResolvers<void>();
    const server = withTool(({ notify, progress }) => {
      notify('notifications/custom', { a: 1 });
      progress(1, 2, 'half');
      void later.promise.then(() => progress(2, 2));
    });
    const client = await connectInMemory(server, { era });
    await client.callTool('x', {}, { onProgress: () => {} });
    later.resolve();
    await client.callTool('x');
    expect(client.notices.map(({ method, params }) => [method, params['progress'] ?? params['a']])).toEqual([
      ['notifications/custom', 1],
      ['notifications/progress', 1],
      ['notifications/custom', 1],
    ]);
  });
});

it('a log message is sent at the level that is wanted, and in the stateless era only where one is named', async () => {
  const server = withTool(({ log }) => {
    log('info', 'low', 'part');
    log('error', 'high');
  });
  const heard = async (client: InMemoryClient): Promise<unknown[]> => {
    await client.callTool('x');
    return client.notices.splice(0).map(({ params }) => params);
  };
  const session = await connectInMemory(server);
  const low = { level: 'info', data: 'low', logger: 'part' };
  const high = { level: 'error', data: 'high' };
  expect(await heard(session)).toEqual([low, high]);
  await session.request('logging/setLevel', { level: 'warning' });
  expect(await heard(session)).toEqual([high]);
  await expect(session.request('logging/setLevel', { level: 'loud' })).rejects.toMatchObject({ code: -32602 });
  expect(await heard(await connectInMemory(server, { era: 'stateless' }))).toEqual([]);
  expect(await heard(await connectInMemory(server, { era: 'stateless', logLevel: 'error' }))).toEqual([high]);
});
