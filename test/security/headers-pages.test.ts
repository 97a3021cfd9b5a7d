/** Which web pages may call a gateway: the list of origins, to the letter and with wildcards, at every kind of request. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearer, randomKey } from './support.ts';
import { sendRaw } from './web-raw.ts';
import { openSite, type Site } from './web-site.ts';
import { ask, askList, type Answered } from './web-support.ts';

const KEY = randomKey();
const ORIGIN = 'https://app.example';
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

describe('web pages', () => {
  const at: { site?: Site } = {};
  const site = (): Site => at.site as Site;
  beforeAll(async () => {
    at.site = await openSite('loopback', {
      auth: { keys: [{ name: 'ann', key: KEY }] },
      listen: { origins: [ORIGIN, 'http://localhost:*', 'https://*.smithery.ai'] },
    });
  });
  afterAll(async () => await at.site?.[Symbol.asyncDispose]());

  const call = (origin: string | readonly string[], headers: Record<string, string> = bearer(KEY)): Promise<Answered> =>
    askList(`${site().base}/mcp`, { headers: { ...headers, origin } });
  const preflight = (origin: string): Promise<Answered> =>
    ask(`${site().base}/mcp`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, content-type, mcp-protocol-version, mcp-method, mcp-param-x',
      },
    });

  const allowed = [
    ORIGIN,
    'http://localhost:3000',
    'http://localhost',
    'https://a.smithery.ai',
    'https://a.b.smithery.ai',
  ];
  it.each(allowed)('P3-03 P2-08 %s may call, and is named to the letter', async (origin) => {
    const answer = await call(origin);
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toEqual([origin]);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    expect(answer.headers['vary']?.join()).toContain('Origin');
    const asked = await preflight(origin);
    expect([asked.status, asked.headers['access-control-allow-origin']]).toEqual([204, [origin]]);
    const names = asked.headers['access-control-allow-headers']?.join().split(', ');
    expect(names).toEqual(expect.arrayContaining(['authorization', 'mcp-session-id', 'mcp-param-x']));
    // Also where it is refused, or the page could not read why.
    const refused = await call(origin, {});
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, [origin]]);
  });

  const strangers = [
    'https://evil.example',
    'https://smithery.ai',
    'https://smithery.ai.evil.test',
    'https://evilsmithery.ai',
    'http://a.smithery.ai',
    'https://a.smithery.ai:8443',
    'https://a.smithery.ai.',
    'https://app.example.evil.test',
    'https://app.example:444',
    'http://app.example',
    'https://xapp.example',
    'http://localhost.evil.test:80',
    'http://localhost:80@evil.test',
    'http://localhost:x',
    'http://localhost:3000/path',
    'https://localhost:3000',
    'null',
    '*',
    'https://*.smithery.ai',
    'file://',
    ' ',
  ];
  it.each(strangers)('P3-04 P2-08 %j may not, before a byte of its body is read', async (origin) => {
    const answer = await call(origin);
    expect(answer.status).toBe(403);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect((await preflight(origin)).status).toBe(403);
    // Nothing but the head: who wants the body first would wait for it.
    const early = await sendRaw(
      site(),
      `POST /mcp HTTP/1.1\r\nhost: ${new URL(site().base).host}\r\norigin: ${origin}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`,
    );
    expect(early.status).toBe(403);
  });

  it('P3-04 two origins are none', async () => {
    const both = `origin: ${ORIGIN}\r\norigin: http://localhost:3000\r\n`;
    for (const origin of [both, `origin: ${ORIGIN}\r\norigin: ${ORIGIN}\r\n`, `origin: ${ORIGIN}, ${ORIGIN}\r\n`]) {
      const answer = await sendRaw(site(), `GET /mcp HTTP/1.1\r\nhost: ${new URL(site().base).host}\r\n${origin}\r\n`);
      expect(answer.status).toBe(403);
    }
  });

  it('P2-08 a WebSocket is held against the same list', async () => {
    for (const [origin, status] of [
      [ORIGIN, 101],
      ['https://evil.example', 403],
      ['null', 403],
    ] as const) {
      const answer = await ask(`${site().base}/mcp`, { headers: { ...UPGRADE, ...bearer(KEY), origin } });
      expect(answer.status, origin).toBe(status);
    }
  });
});
