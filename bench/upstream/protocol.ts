/**
 * What the reference server answers: a few tools over the session era (2025-11-25 and before) and the stateless era
 * (2026-07-28). It is made to cost little, so it checks only what a gateway in front of it could break; it is no model of
 * a good server.
 */

export const STATELESS_REVISION = '2026-07-28';
const SESSION_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];
const META = 'io.modelcontextprotocol/';
const SERVER_INFO = '{"name":"bench-upstream","version":"1.0.0"}';
const CAPABILITIES = '{"tools":{"listChanged":true}}';

export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: { readonly text?: string; readonly bytes?: number; readonly seed?: string };
    readonly protocolVersion?: string;
    readonly _meta?: Readonly<Record<string, unknown>>;
  };
}

export interface Reply {
  /** HTTP status; it means nothing over stdio. */
  readonly status: number;
  /** The whole message in pieces; none for a notification. */
  readonly body: readonly Buffer[];
  /** True when a session begins. */
  readonly greets?: boolean;
  /** True for a subscription: the response stays open behind the message. */
  readonly stays?: boolean;
}

export interface Protocol {
  handle(message: Message): Reply;
}

function dummyTool(index: number): object {
  const subject = ['issue', 'file', 'user', 'order', 'log'][index % 5];
  return {
    name: `dummy_tool_${index}`,
    title: `Dummy tool ${index}`,
    description: `Searches the ${subject} index number ${index} and returns the matching records sorted by relevance. Use filters to narrow the result; dates are ISO 8601.`,
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string', description: 'Free text. Supports quoted phrases and -negation.', maxLength: 500 },
        limit: { type: 'integer', description: 'Most records to return', minimum: 1, maximum: 100, default: 20 },
        sort: { type: 'string', enum: ['relevance', 'created', 'updated'], default: 'relevance' },
        filters: {
          type: 'object',
          description: 'Structured filters',
          properties: {
            owner: { type: 'string', description: 'Login of the owner' },
            labels: { type: 'array', items: { type: 'string' } },
            since: { type: 'string', format: 'date-time' },
            archived: { type: 'boolean' },
          },
          additionalProperties: false,
        },
      },
      required: ['query'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  };
}

function tools(count: number): object[] {
  const text = { type: 'string' };
  const named = [
    {
      name: 'echo',
      description: 'Returns the text it is given.',
      inputSchema: { type: 'object', properties: { text }, required: ['text'] },
    },
    {
      name: 'payload',
      description: 'Returns a text of the given length that begins with the seed.',
      inputSchema: {
        type: 'object',
        properties: { bytes: { type: 'integer' }, seed: text },
        required: ['bytes', 'seed'],
      },
    },
  ];
  return [...named, ...Array.from({ length: Math.max(0, count - named.length) }, (_, index) => dummyTool(index))];
}

/** The text that `payload` returns behind its seed; it needs no escapes in JSON. At most 1 MiB. */
export const FILLER: string = 'The quick brown fox jumps over the lazy dog. '.repeat(24_000).slice(0, 1 << 20);

const FILLER_BYTES = Buffer.from(FILLER);
const SELF = `"_meta":{"${META}serverInfo":${SERVER_INFO}}`;
const CACHEABLE = `,"resultType":"complete","ttlMs":60000,"cacheScope":"public",${SELF}`;

function whole(text: string, status = 200): Reply {
  return { status, body: [Buffer.from(text)] };
}

function result(id: Message['id'], value: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${value}}`;
}

function failure(id: Message['id'], code: number, message: string, status = 200): Reply {
  return whole(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify({ code, message })}}`, status);
}

function content(text: string, stateless: boolean): string {
  const items = `"content":[{"type":"text","text":${JSON.stringify(text)}}]`;
  return stateless ? `{"resultType":"complete",${items},"isError":false,${SELF}}` : `{${items}}`;
}

/** The filler is put in as bytes: to encode a mebibyte for every call would measure this server. */
function payload({ id, params }: Message, stateless: boolean): Reply {
  const seed = params?.arguments?.seed ?? '';
  const text = result(id, content(seed, stateless));
  const at = text.indexOf(JSON.stringify(seed)) + JSON.stringify(seed).length - 1;
  const fill = Math.max(0, (params?.arguments?.bytes ?? 0) - seed.length);
  const body = [Buffer.from(text.slice(0, at)), FILLER_BYTES.subarray(0, fill), Buffer.from(text.slice(at))];
  return { status: 200, body };
}

function call(message: Message, stateless: boolean): Reply {
  switch (message.params?.name) {
    case 'echo':
      return whole(result(message.id, content(message.params.arguments?.text ?? '', stateless)));
    case 'payload':
      return payload(message, stateless);
    default:
      return failure(message.id, -32602, `Unknown tool: ${message.params?.name ?? ''}`);
  }
}

function initialize({ id, params }: Message): Reply {
  const asked = params?.protocolVersion ?? '';
  const revision = SESSION_REVISIONS.includes(asked) ? asked : SESSION_REVISIONS[0];
  const text = `{"protocolVersion":"${revision ?? ''}","capabilities":${CAPABILITIES},"serverInfo":${SERVER_INFO}}`;
  return { ...whole(result(id, text)), greets: true };
}

function discover({ id }: Message): Reply {
  const versions = JSON.stringify([STATELESS_REVISION]);
  return whole(result(id, `{"supportedVersions":${versions},"capabilities":${CAPABILITIES}${CACHEABLE}}`));
}

function listen({ id }: Message): Reply {
  const about = JSON.stringify({ [`${META}subscriptionId`]: id });
  const params = `{"_meta":${about},"notifications":{"toolsListChanged":true}}`;
  const method = 'notifications/subscriptions/acknowledged';
  return { ...whole(`{"jsonrpc":"2.0","method":"${method}","params":${params}}`), stays: true };
}

function respond(message: Message, stateless: boolean, list: string): Reply {
  switch (message.method) {
    case 'tools/call':
      return call(message, stateless);
    case 'tools/list':
      return whole(result(message.id, `{"tools":${list}${stateless ? CACHEABLE : ''}}`));
    case 'initialize':
      return initialize(message);
    case 'server/discover':
      return discover(message);
    case 'subscriptions/listen':
      return listen(message);
    case 'ping':
      return whole(result(message.id, '{}'));
    default:
      return failure(message.id, -32601, `Method not found: ${message.method ?? ''}`, stateless ? 404 : 200);
  }
}

export function createProtocol(options: { readonly tools: number }): Protocol {
  const list = JSON.stringify(tools(options.tools));
  return {
    handle: (message) => {
      if (message.id === undefined) return { status: 202, body: [] };
      const stated = message.params?._meta?.[`${META}protocolVersion`];
      if (stated !== undefined && stated !== STATELESS_REVISION) {
        return failure(message.id, -32022, 'Unsupported protocol version', 400);
      }
      return respond(message, stated !== undefined, list);
    },
  };
}

/** What is wrong with the headers of a stateless request, which must agree with its body; undefined: nothing. */
export function headerMismatch(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  message: Message,
): string | undefined {
  if (message.params?._meta?.[`${META}protocolVersion`] !== STATELESS_REVISION) return 'protocolVersion';
  if (message.params._meta[`${META}clientCapabilities`] === undefined) return 'clientCapabilities';
  if (headers['mcp-method'] !== message.method) return 'Mcp-Method';
  if (message.method === 'tools/call' && headers['mcp-name'] !== message.params.name) return 'Mcp-Name';
  return undefined;
}
