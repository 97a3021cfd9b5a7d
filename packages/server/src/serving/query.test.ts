/** What the query of a request makes of the place that it asks, by the option `query`. */

import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createServer, type McpServer } from '../framework/server.ts';
import { fakeIssuer } from '../kit/issuer.ts';
import { jwt } from './auth/tokens.ts';
import type { ServeOptions } from './options.ts';
import { serve, type Serving } from './serve.ts';
import { ask, call, INITIALIZE } from './testing/ask.ts';

const open: Serving[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.destroy()));
});

function where(): McpServer {
  const server = createServer({ name: 'where', version: '1.0.0' });
  server.addTool({ name: 'where' }, (_params, { endpoint }) => endpoint);
  server.addTool({ name: 'more', requireScope: 'more' }, () => '');
  return server;
}

const read: NonNullable<ServeOptions['query']> = (query) => {
  if (query.has('broken')) throw new Error('secret /etc/db');
  const color = query.get('color');
  if (color !== null && color.length > 10) return { refused: 'No color is so long.' };
  return color === null ? '' : `color=${encodeURIComponent(color)}`;
};

async function site(options: ServeOptions): Promise<string> {
  const serving = await serve(where(), { http: true, log: false, ...options });
  open.push(serving);
  return serving.url ?? '';
}

const answerOf = async (url: string): Promise<unknown> => {
  const { json, status } = await ask(url, call('where'));
  return status === 200 ? (json as { result: { content: [{ text: string }] } }).result.content[0].text : [status, json];
};

describe('the query of a request', () => {
  it('means nothing to a server that does not read it', async () => {
    expect(await answerOf(`${await site({})}?color=red`)).toBe('/mcp');
  });

  it('becomes a part of the place, is refused in the words of who reads it, or fails without a word', async () => {
    const url = await site({ query: read });
    expect([
      await answerOf(url),
      await answerOf(`${url}?`),
      await answerOf(`${url}?size=1`),
      await answerOf(`${url}?x=1&color=re%26d`),
    ]).toEqual(['/mcp', '/mcp', '/mcp', '/mcp?color=re%26d']);
    expect(await answerOf(`${url}?color=ultramarine`)).toEqual([
      400,
      expect.objectContaining({ error: expect.objectContaining({ message: 'No color is so long.' }) as unknown }),
    ]);
    const failed = await ask(`${url}?broken`, call('where'));
    expect([failed.status, failed.text.includes('secret')]).toEqual([500, false]);
  });

  it('is read only where there is one, for whoever is let in', async () => {
    let asked = 0;
    const query = (): { refused: string } => ({ refused: `no ${++asked}` });
    const url = await site({ auth: () => undefined, query });
    expect([(await ask(`${url}?color=red`, call('where'))).status, asked]).toEqual([401, 0]);
    const plain = await site({ query });
    expect([await answerOf(plain), await answerOf(`${plain}?`), asked]).toEqual(['/mcp', '/mcp', 0]);
  });

  it('is what a session belongs to', async () => {
    const url = await site({ query: read });
    const opened = await ask(`${url}?color=red`, { body: INITIALIZE });
    const headers = {
      'mcp-session-id': String(opened.headers['mcp-session-id']),
      'mcp-protocol-version': '2025-11-25',
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'where' } });
    const answers = await Promise.all(
      ['?color=red', '?x=1&color=red', '?color=blue', '', '?color=ultramarine'].map((query) =>
        ask(`${url}${query}`, { body, headers }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404, 400]);
    expect(answers[0]?.text).toContain('/mcp?color=red');
  });

  it('counts for a WebSocket too', async () => {
    const url = (await site({ query: read, websocket: true })).replace('http:', 'ws:');
    const outcome = async (query: string): Promise<string> => {
      const socket = new WebSocket(`${url}${query}`, 'mcp');
      return (await new Promise((resolve) => {
        socket.once('error', ({ message }) => resolve(message));
        socket.once('open', () => socket.send(INITIALIZE));
        socket.on('message', (data: Buffer) => {
          const { id } = JSON.parse(data.toString()) as { id: number };
          if (id === 1) return resolve(data.toString());
          socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'where' } }));
        });
      }).finally(() => socket.terminate())) as string;
    };
    expect(await outcome('?color=red')).toContain('/mcp?color=red');
    expect(await outcome('?color=ultramarine')).toContain('400');
  });

  it('is no part of where a client learns which scopes it needs', async () => {
    const issuer = await fakeIssuer();
    try {
      const auth = jwt({ issuer: issuer.issuer, jwks: issuer.jwksUri, algorithms: ['ES256'] });
      const url = await site({ auth, query: read });
      const authorization = `Bearer ${await issuer.token({ audience: url })}`;
      const { headers, status } = await ask(`${url}?color=red`, call('more', {}, { authorization }));
      expect([status, headers['www-authenticate']]).toEqual([
        403,
        expect.stringContaining('/.well-known/oauth-protected-resource/mcp"'),
      ]);
    } finally {
      await issuer.close();
    }
  });
});
