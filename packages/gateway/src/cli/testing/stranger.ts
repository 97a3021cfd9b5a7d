/**
 * For tests: all the rooms over a remote server that answers at once, asked as clients ask. Who asks is always the same stranger;
 * what the server was called with, and what was recorded, is kept.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer, Exchange, Principal } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import { NO_AUDIT } from '../../audit/index.ts';
import type { Call } from '../../call.ts';
import type { RoomOptions, Rooms } from '../../rooms.ts';
import { NO_EXTERNAL } from '../../policy/testing/fixtures.ts';
import { createPolicy } from '../../policy/index.ts';
import { configOf, openRooms } from './assembly.ts';

const TOOLS: Readonly<Record<string, readonly JsonObject[]>> = {
  files: [
    { name: 'read_file', description: 'Reads a file', annotations: { readOnlyHint: true } },
    { name: 'write_file', description: 'Writes a file' },
    { name: 'delete_file', description: 'Deletes a file', annotations: { destructiveHint: true } },
  ],
  vault: [{ name: 'open_vault', description: 'Reads a file of secrets', annotations: { readOnlyHint: true } }],
  mimic: [{ name: 'files__write_file' }, { name: 'files__no_such' }],
};

export interface Remote extends AsyncDisposable {
  readonly url: string;
  /** Parameters of the calls that came, as they were written. */
  readonly called: string[];
}

export async function serveRemote(): Promise<Remote> {
  const called: string[] = [];
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { id, method } = JSON.parse(body || '{}') as { id?: number; method?: string };
      if (request.method !== 'POST' || id === undefined) {
        response.writeHead(202).end();
        return;
      }
      if (method === 'tools/call') called.push(body);
      const answers: Readonly<Record<string, object>> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'r', version: '1' },
        },
        'tools/list': {
          tools: TOOLS[(request.url ?? '').slice(1)]?.map((tool) => ({ inputSchema: { type: 'object' }, ...tool })),
        },
        'tools/call': { content: [{ type: 'text', text: 'done' }] },
      };
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' });
      const result = answers[method ?? ''];
      const said = result === undefined ? { error: { code: -32601, message: 'no' } } : { result };
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    called,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

export interface Setting extends AsyncDisposable {
  readonly rooms: Rooms;
  readonly remote: Remote;
  /** Calls that were recorded, in order. */
  readonly recorded: Call[];
}

const NO_LOGINS = {
  callers: { exchanges: () => false, came: () => undefined },
  needs: () => false,
  mayNeed: () => false,
  hasToken: () => false,
  waitsFor: () => false,
  personal: () => false,
};

/** `own`: options of the rooms that are not as in every test. */
export async function openSetting(more: object, own: Partial<RoomOptions> = {}): Promise<Setting> {
  const remote = await serveRemote();
  const mcpServers = {
    files: { url: `${remote.url}/files`, type: 'http', description: 'Files of this machine' },
    vault: { url: `${remote.url}/vault`, type: 'http', description: 'A vault' },
  };
  const config = await configOf({ mcpServers, ...more });
  const recorded: Call[] = [];
  const opened = await openRooms({
    config,
    audit: {
      ...NO_AUDIT,
      ended: (done) => {
        recorded.push(done);
        return undefined;
      },
    },
    policy: await createPolicy(config.policy, NO_EXTERNAL),
    logins: new Proxy(NO_LOGINS, { get: (given, name) => Reflect.get(given, name) ?? (() => undefined) }) as never,
    learnOwn: () => undefined,
    ...own,
  });
  const close = async (): Promise<void> => {
    await opened[Symbol.asyncDispose]();
    await remote[Symbol.asyncDispose]();
  };
  return { rooms: opened.rooms, remote, recorded, [Symbol.asyncDispose]: close };
}

export const ANYBODY: Principal = { issuer: 'https://idp', subject: 'anybody', roles: [] };

export interface Client {
  readonly endpoint?: string;
  readonly text?: string;
  readonly era?: 'stateless';
  /** What a person answers; absent: nobody can be asked. */
  readonly person?: boolean;
  readonly asked?: string[];
}

export async function send(
  { rooms }: Setting,
  method: string,
  params: JsonObject = {},
  client: Client = {},
): Promise<JsonObject> {
  const { asked, endpoint = '/mcp', era = 'session', person } = client;
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  const exchange: Exchange = {
    message,
    text: client.text ?? JSON.stringify(message),
    era,
    revision: era === 'session' ? '2025-11-25' : '2026-07-28',
    transport: 'http',
    endpoint,
    principal: ANYBODY,
    local: undefined,
    address: undefined,
    client: { info: undefined, capabilities: person === undefined ? {} : { elicitation: {} } },
    logLevel: undefined,
    session: undefined,
    headers: {},
    cancelled: false,
    onCancel: () => undefined,
    hold: () => undefined,
    notify: () => undefined,
    ask: async (_method, question) => {
      asked?.push(JSON.stringify(question?.['message']));
      return { result: { action: 'accept', content: { approve: person === true } } };
    },
  };
  return read(await rooms.served.handle(exchange));
}

function read(answer: Answer): JsonObject {
  if (answer.kind === 'value') return answer.result;
  if (answer.kind === 'error') return { error: answer.error.code, message: answer.error.message };
  return (JSON.parse(`${answer.before.toString()}1${answer.after.toString()}`) as { result: JsonObject }).result;
}

export function call(setting: Setting, name: string, args: JsonObject, client?: Client): Promise<JsonObject> {
  return send(setting, 'tools/call', { name, arguments: args }, client);
}
