/** An upstream whose server, made with the official SDK, is protected by a certified and strict authorization server. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import type { Era } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ask } from '../ask.ts';
import type { Leg } from '../leg.ts';
import { failure } from '../testing/calls.ts';
import { testUpstream } from '../testing/upstreams.ts';
import type { Upstream } from '../upstream.ts';
import type { UpstreamAuthorization } from './authorization.ts';
import { REDIRECT_URI, testGateway, type TestGateway } from './testing/gateway.ts';
import { LIFETIME_MS, openStrictProvider, type StrictProvider } from './testing/strict-provider.ts';

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Opened {
  readonly provider: StrictProvider;
  readonly gateway: TestGateway;
  readonly authorization: UpstreamAuthorization;
  readonly upstream: Upstream;
  /** Tokens that the resource takes no more. */
  readonly refused: Set<string>;
  /** Of each request that reached the resource, but of streams in the background. */
  readonly sent: (string | undefined)[];
}

function greeter(): McpServer {
  const server = new McpServer({ name: 'guarded', version: '1' });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  return server;
}

async function open(era: Era): Promise<Opened> {
  const handler = createMcpHandler(greeter);
  const handle = toNodeHandler(handler);
  const [refused, sent] = [new Set<string>(), [] as (string | undefined)[]];
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const isStream = request.method === 'GET' || request.headers['mcp-method'] === 'subscriptions/listen';
    if (!isStream) sent.push(token);
    if (token === undefined || refused.has(token) || !provider.knows(token)) {
      const metadata = `${provider.issuer}/.well-known/oauth-protected-resource/mcp`;
      const challenge = `Bearer error="invalid_token", resource_metadata="${metadata}"`;
      response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' });
      response.end('{"error":"invalid_token"}');
    } else {
      const { method = 'GET', url = '/' } = request;
      void handle(Object.assign(request, { method, url }), response);
    }
  };
  const provider = await openStrictProvider(serve);
  cleanups.push(
    () => handler.close(),
    () => provider.close(),
  );
  const gateway = testGateway();
  const authorization = gateway.open(provider.resource);
  const target = { kind: 'http', url: new URL(provider.resource), headers: {} } as const;
  const { upstream } = testUpstream(target, { authorization, era, now: () => gateway.passed });
  cleanups.push(() => upstream.destroy());
  return { provider, gateway, authorization, upstream, refused, sent };
}

/** A leg that is up after a person has logged in. */
async function loggedIn({ authorization, provider, upstream }: Opened, era: Era): Promise<Leg> {
  const { login } = await failure(upstream.leg(era));
  await authorization.finish(await provider.browse(login!.url, REDIRECT_URI));
  return upstream.leg(era);
}

async function echoes(leg: Leg, count: number): Promise<readonly string[]> {
  const one = async (_: unknown, index: number): Promise<string> => {
    const params = { name: 'echo', arguments: { text: `text ${index}` }, _meta: { ...leg.ownMeta } };
    const { content } = await ask(leg, 'tools/call', params, { timeoutMs: 20_000 });
    return (content as { text: string }[])[0]!.text;
  };
  return await Promise.all(Array.from({ length: count }, one));
}

const wanted = Array.from({ length: 100 }, (_, index) => `text ${index}`);

describe.each(['session', 'stateless'] as const)('a protected server of the %s era', (era) => {
  it('is used after a login, with no token but those that were granted for it', async () => {
    const opened = await open(era);
    const leg = await loggedIn(opened, era);
    expect(leg.era).toBe(era);
    expect(await echoes(leg, 1)).toEqual(['text 0']);
    const [first, ...others] = opened.sent;
    expect(first).toBeUndefined();
    const token = await opened.authorization.token();
    expect(new Set(others)).toEqual(new Set([token]));
  });

  it('P1-06 P1-07 gets 100 calls at once on a token that has expired: one renewal, and none fails', async () => {
    const opened = await open(era);
    const leg = await loggedIn(opened, era);
    const before = await opened.authorization.token();
    opened.sent.length = 0;
    opened.gateway.passed = LIFETIME_MS;
    expect(await echoes(leg, 100)).toEqual(wanted);
    expect(opened.provider.tokenRequests).toEqual(['authorization_code', 'refresh_token']);
    expect(opened.provider.thefts).toBe(0);
    expect(new Set(opened.sent).size).toBe(1);
    expect(opened.sent).not.toContain(before);
  });

  it('P1-06 gets 100 calls at once that it refuses: one renewal, and none fails', async () => {
    const opened = await open(era);
    const leg = await loggedIn(opened, era);
    opened.refused.add((await opened.authorization.token())!);
    opened.gateway.passed = 60_000;
    expect(await echoes(leg, 100)).toEqual(wanted);
    expect(opened.provider.tokenRequests).toEqual(['authorization_code', 'refresh_token']);
    expect(opened.provider.thefts).toBe(0);
    expect(opened.upstream.ready(era)).toBe(leg);
  });

  it('UPS-18 gets nothing more after a logout, and the leg waits for the next login', async () => {
    const opened = await open(era);
    const leg = await loggedIn(opened, era);
    expect(await opened.authorization.logout()).toBe('revoked');
    const error = await failure(echoes(leg, 1));
    expect(error).toMatchObject({ reason: 'unauthorized', status: 401 });
    const back = await opened.provider.browse(error.login!.url, REDIRECT_URI);
    await opened.authorization.finish(back);
    expect(await echoes(leg, 1)).toEqual(['text 0']);
    expect(opened.upstream.ready(era)).toBe(leg);
  });
});
