/**
 * The target `gateway`: bytes on a connection to a gateway that listens and has a server behind it. It must answer or close, never
 * with a 5xx, and answer a good request afterwards. It needs the built packages.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { startGateway } from '../../test/gateway/gateway.ts';
import { serveRaw } from '../../test/gateway/raw-http.ts';
import type { Opened } from './target.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

function post(path: string, message: object, headers: readonly string[]): string {
  const body = JSON.stringify(message);
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function stateless(method: string, params: object): string {
  const { name } = params as { readonly name?: string };
  return post('/mcp', { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }, [
    'MCP-Protocol-Version: 2026-07-28',
    `Mcp-Method: ${method}`,
    ...(name === undefined ? [] : [`Mcp-Name: ${name}`]),
  ]);
}

const GOOD = stateless('tools/list', {});
const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } };
const CORPUS: readonly string[] = [
  GOOD,
  stateless('tools/call', { name: 'up__raw', arguments: { a: [1, 'x'] } }),
  post('/mcp', { jsonrpc: '2.0', id: 1, method: 'initialize', params: HELLO }, []),
  post('/messages?sessionId=x', { jsonrpc: '2.0', id: 1, method: 'ping' }, ['Mcp-Session-Id: 0123456789']),
  'GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u0081\u0005hello',
  'GET /api/v1/servers?x=%41 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'DELETE /mcp/s/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
];

/** The statuses that came before the connection was closed, here at the first whole head. */
function statusesOf(port: number, text: string): Promise<readonly number[]> {
  const { promise, resolve } = Promise.withResolvers<readonly number[]>();
  let answer = '';
  const socket = connect(port, '127.0.0.1', () => socket.end(Buffer.from(text)));
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
    if (answer.includes('\r\n\r\n')) socket.destroy();
  });
  // A connection that is cut is an answer too.
  socket.on('error', () => undefined);
  socket.on('close', () => resolve([...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))));
  return promise;
}

export async function openGatewayTarget(): Promise<Opened> {
  const up = await serveRaw({ era: 'session' });
  const started = await startGateway({ mcpServers: { up: { url: up.url, type: 'http' } } });
  let asked = 0;
  return {
    corpus: CORPUS,
    check: async (text) => {
      const statuses = await statusesOf(started.port, text);
      assert(
        statuses.every((status) => status < 500),
        `answered ${statuses.join()}`,
      );
      if (++asked % 100 === 0) assert.deepEqual(await statusesOf(started.port, GOOD), [200]);
    },
    close: async () => {
      await started[Symbol.asyncDispose]();
      await up[Symbol.asyncDispose]();
    },
  };
}
