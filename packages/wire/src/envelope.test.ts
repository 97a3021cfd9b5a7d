import { classifyInboundRequest } from '@modelcontextprotocol/server';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyRequest, claimedVersion, isLogLevel, unsupportedVersion, withoutEnvelope } from './envelope.ts';
import type { HeaderBag } from './headers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { readMessage, type JsonRpcRequest } from './message.ts';
import {
  isStatelessRevision,
  META_CLIENT_CAPABILITIES as CAPABILITIES,
  META_CLIENT_INFO as INFO,
  META_LOG_LEVEL as LEVEL,
  META_PROTOCOL_VERSION as VERSION,
} from './revisions.ts';

const V = '2026-07-28';
const whole: JsonObject = { [VERSION]: V, [CAPABILITIES]: {} };
const rightHeaders: HeaderBag = { 'mcp-protocol-version': V, 'mcp-method': 'tools/call', 'mcp-name': 'a' };
const naming = (version: string): JsonObject => ({ ...whole, [VERSION]: version });
const under = (version: string | undefined): HeaderBag => ({ ...rightHeaders, 'mcp-protocol-version': version });

function call(meta?: JsonValue, method = 'tools/call'): JsonRpcRequest {
  return { jsonrpc: '2.0', id: 1, method, params: { name: 'a', ...(meta !== undefined && { _meta: meta }) } };
}

/** The era, or the code of the refusal. */
function verdict(message: JsonRpcRequest, headers?: HeaderBag): string | number {
  const classified = classifyRequest(message, headers);
  return classified.era === 'refused' ? classified.error.error.code : classified.era;
}

describe('the ladder', () => {
  it.each<[string, JsonRpcRequest, HeaderBag | undefined, string | number]>([
    ['a whole envelope, right headers', call(whole), rightHeaders, 'stateless'],
    ['a whole envelope, no transport headers', call(whole), undefined, 'stateless'],
    ['no params', { jsonrpc: '2.0', id: 1, method: 'ping' }, {}, 'session'],
    ['no _meta', call(), {}, 'session'],
    ['no claim', call({ progressToken: 1, [CAPABILITIES]: {}, [INFO]: 1 }), {}, 'session'],
    ['_meta that is no object', call('x'), {}, 'session'],
    ['_meta that is a list', call([VERSION]), {}, 'session'],
    ['no claim, a session header', call(), { 'mcp-protocol-version': '2025-11-25' }, 'session'],
    ['no claim, an odd header', call(), { 'mcp-protocol-version': 'latest' }, 'session'],
    ['no claim, the stateless header', call(), { 'mcp-protocol-version': V }, -32_602],
    ['no claim, a header of the future', call(), { 'mcp-protocol-version': '2027-01-01' }, -32_602],
    ['no claim, the rest of the envelope', call({ [CAPABILITIES]: {} }), rightHeaders, -32_602],
    ['a version that is no string', call({ ...whole, [VERSION]: 20_260_728 }), rightHeaders, -32_602],
    ['a version that is null', call({ ...whole, [VERSION]: null }), rightHeaders, -32_602],
    ['no capabilities', call({ [VERSION]: V }), rightHeaders, -32_602],
    ['capabilities that are a list', call({ ...whole, [CAPABILITIES]: [] }), rightHeaders, -32_602],
    ['a capability that is a word', call({ ...whole, [CAPABILITIES]: { sampling: true } }), rightHeaders, -32_602],
    [
      'a capability that we do not know',
      call({ ...whole, [CAPABILITIES]: { vendor: true, roots: {} } }),
      rightHeaders,
      'stateless',
    ],
    ['a client without a version', call({ ...whole, [INFO]: { name: 'a' } }), rightHeaders, -32_602],
    [
      'a client with a name of one number',
      call({ ...whole, [INFO]: { name: 1, version: '1' } }),
      rightHeaders,
      -32_602,
    ],
    ['a client', call({ ...whole, [INFO]: { name: 'a', version: '1', x: 1 } }), rightHeaders, 'stateless'],
    ['a log level', call({ ...whole, [LEVEL]: 'debug' }), rightHeaders, 'stateless'],
    ['an unknown log level', call({ ...whole, [LEVEL]: 'loud' }), rightHeaders, -32_602],
    ['a progress token', call({ ...whole, progressToken: 'p' }), rightHeaders, 'stateless'],
    ['a progress token that is a list', call({ ...whole, progressToken: [] }), rightHeaders, -32_602],
    ['a progress token with a fraction', call({ ...whole, progressToken: 1.5 }), rightHeaders, -32_602],
    ['a version of the future', call(naming('2099-01-01')), under('2099-01-01'), -32_022],
    ['a version of the future, no headers', call(naming('2099-01-01')), undefined, -32_022],
    ['a version of the future, no version header', call(naming('2099-01-01')), under(undefined), -32_022],
    ['a version of the future under another', call(naming('2099-01-01')), rightHeaders, -32_020],
    ['a version of the session era', call(naming('2025-11-25')), under('2025-11-25'), -32_022],
    ['a version of the session era under the stateless one', call(naming('2025-11-25')), rightHeaders, -32_020],
    ['an empty version', call(naming('')), under(''), -32_022],
    ['no version header', call(whole), { ...rightHeaders, 'mcp-protocol-version': undefined }, -32_020],
    ['the version header twice', call(whole), { ...rightHeaders, 'mcp-protocol-version': [V, V] }, -32_020],
    [
      'the version header of a session',
      call(whole),
      { ...rightHeaders, 'mcp-protocol-version': '2025-11-25' },
      -32_020,
    ],
    ['no method header', call(whole), { ...rightHeaders, 'mcp-method': undefined }, -32_020],
    ['another name in the header', call(whole), { ...rightHeaders, 'mcp-name': 'b' }, -32_020],
    ['initialize', call(undefined, 'initialize'), {}, 'session'],
    [
      'initialize with a session header',
      call(undefined, 'initialize'),
      { 'mcp-protocol-version': '2025-06-18' },
      'session',
    ],
    ['initialize under the stateless header', call(undefined, 'initialize'), { 'mcp-protocol-version': V }, -32_020],
    ['initialize with half an envelope', call({ [VERSION]: V }, 'initialize'), {}, 'session'],
    [
      'initialize that claims a session version',
      call({ ...whole, [VERSION]: '2025-11-25' }, 'initialize'),
      {},
      'session',
    ],
    [
      'initialize with a whole envelope',
      call(whole, 'initialize'),
      { ...rightHeaders, 'mcp-method': 'initialize' },
      'stateless',
    ],
  ])('%s', (_what, message, headers, wanted) => {
    expect(verdict(message, headers)).toBe(wanted);
  });

  it('answers the first of several faults: envelope, version against its header, version, other headers', () => {
    const other = { 'mcp-protocol-version': '2025-11-25', 'mcp-method': 'x' };
    const same = { 'mcp-protocol-version': '2099-01-01', 'mcp-method': 'x' };
    expect(verdict(call({ [VERSION]: '2099-01-01' }), other)).toBe(-32_602);
    expect(verdict(call(naming('2099-01-01')), other)).toBe(-32_020);
    expect(verdict(call(naming('2099-01-01')), same)).toBe(-32_022);
    expect(verdict(call(whole), { ...same, 'mcp-protocol-version': V })).toBe(-32_020);
  });

  it('says what is supported', () => {
    expect(unsupportedVersion('2099-01-01').error.data).toEqual({
      code: 'unsupported_version',
      supported: [V, '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
      requested: '2099-01-01',
    });
  });

  it('hands over what the envelope says', () => {
    const info = { name: 'a', version: '1' };
    const message = call({ ...whole, [CAPABILITIES]: { roots: {}, x: 1 }, [INFO]: info, [LEVEL]: 'error', other: 1 });
    expect(classifyRequest(message)).toEqual({
      era: 'stateless',
      envelope: { revision: V, clientCapabilities: { roots: {}, x: 1 }, clientInfo: info, logLevel: 'error' },
    });
    expect(classifyRequest(call(whole))).toEqual({
      era: 'stateless',
      envelope: { revision: V, clientCapabilities: {} },
    });
  });
});

describe('the parts', () => {
  it('claimedVersion', () => {
    expect([call(), call({}), call([]), call(whole), call({ [VERSION]: null })].map(claimedVersion)).toEqual([
      undefined,
      undefined,
      undefined,
      V,
      null,
    ]);
  });

  it('isLogLevel', () => {
    expect(['debug', 'emergency', 'Debug', '', 0, undefined].map(isLogLevel)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('INP-13 withoutEnvelope takes the reserved keys and nothing else', () => {
    const meta = JSON.parse(
      `{"${VERSION}":1,"io.modelcontextprotocol/x":2,"io.modelcontextprotocol":3,"progressToken":4,"__proto__":5}`,
    ) as JsonObject;
    expect(JSON.stringify(withoutEnvelope(meta))).toBe('{"io.modelcontextprotocol":3,"progressToken":4,"__proto__":5}');
  });
});

/** What the SDK's classifier and its gate on supported revisions say, in the words of `verdict`. */
function sdkVerdict(message: JsonRpcRequest, headers: HeaderBag): string | number {
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body: message,
    ...header('protocolVersionHeader', headers['mcp-protocol-version']),
    ...header('mcpMethodHeader', headers['mcp-method']),
    ...header('mcpNameHeader', headers['mcp-name']),
  });
  if (outcome.kind === 'reject') return outcome.code;
  if (outcome.kind === 'legacy') return 'session';
  return isStatelessRevision(outcome.classification.revision) ? 'stateless' : -32_022;
}

function header(name: string, value: HeaderBag[string]): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

const version = fc.constantFrom<JsonValue>(
  V,
  V,
  V,
  V,
  '2025-11-25',
  '2025-03-26',
  '2026-07-27',
  '2026-07-29',
  '2099-01-01',
  '',
  'x',
  1,
  null,
  {},
);
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const metaOf = fc
  .record({
    [VERSION]: optional(version),
    [CAPABILITIES]: fc.constantFrom<JsonValue | undefined>(
      {},
      {},
      {},
      { roots: {} },
      { sampling: 1 },
      { elicitation: { form: {} } },
      { vendor: 1 },
      { extensions: { x: {} } },
      [],
      null,
      'x',
      undefined,
    ),
    [INFO]: fc.constantFrom<JsonValue | undefined>(
      undefined,
      undefined,
      { name: 'a', version: '1' },
      { name: 'a' },
      { version: '1' },
      'a',
      null,
      [],
    ),
    [LEVEL]: fc.constantFrom<JsonValue | undefined>(undefined, undefined, 'debug', 'loud', 1, null),
    progressToken: fc.constantFrom<JsonValue | undefined>(undefined, undefined, 1, 'p', 1.5, {}, null),
    other: fc.constantFrom<JsonValue | undefined>(undefined, 1),
  })
  .map((meta) => JSON.parse(JSON.stringify(meta)) as JsonObject);
const method = fc.constantFrom(
  'tools/call',
  'tools/list',
  'initialize',
  'server/discover',
  'ping',
  'custom/x',
  'resources/read',
);
const messages = fc
  .tuple(method, fc.oneof({ weight: 6, arbitrary: metaOf }, { weight: 1, arbitrary: fc.constant(undefined) }))
  .map(([name, meta]) => call(meta, name));
const bags = fc.record({
  'mcp-protocol-version': fc.constantFrom(V, V, V, V, undefined, '2025-11-25', '2026-07-29', '2099-01-01', ` ${V}\t`),
  'mcp-method': fc.constantFrom('tools/call', 'tools/list', 'initialize', 'ping', undefined),
  'mcp-name': fc.constantFrom('a', 'b', undefined),
});

type Difference = (
  message: JsonRpcRequest,
  headers: HeaderBag,
  ours: string | number,
  theirs: string | number,
) => boolean;

const named = (headers: HeaderBag): string | undefined =>
  (headers['mcp-protocol-version'] as string | undefined)?.trim();

/** Where the two may differ, and why. */
const differences: Readonly<Record<string, Difference>> = {
  // What is no date names no era here; the SDK takes all text that sorts behind its first stateless revision.
  'initialize that claims a word': (message, _headers, ours) =>
    message.method === 'initialize' && claimedVersion(message) === 'x' && (ours === 'session' || ours === -32_020),
  // An unsupported version comes before the other headers here; the SDK compares Mcp-Method first.
  'unsupported version and another method': (message, headers, ours, theirs) =>
    ours === -32_022 &&
    theirs === -32_020 &&
    [undefined, claimedVersion(message)].includes(named(headers)) &&
    headers['mcp-method'] !== message.method,
  // The SDK asks for the presence of the headers, and compares Mcp-Name, in a later step that it does not export.
  'a header is missing': (_message, headers, ours, theirs) =>
    ours === -32_020 &&
    theirs === 'stateless' &&
    [headers['mcp-protocol-version'], headers['mcp-method']].includes(undefined),
  'another name': (message, headers, ours, theirs) =>
    ours === -32_020 && theirs === 'stateless' && message.method === 'tools/call' && headers['mcp-name'] !== 'a',
  // A request whose _meta has a bad progress token is no JSON-RPC request to the SDK's schema.
  'a bad progress token': (message, _headers, _ours, theirs) => {
    const { progressToken } = (message.params?.['_meta'] ?? {}) as JsonObject;
    return theirs === -32_600 && typeof progressToken !== 'string' && !Number.isSafeInteger(progressToken);
  },
};

describe('beside the SDK', () => {
  it('says the same of every request, or differs where it is explained', () => {
    const met = new Map<string, number>();
    fc.assert(
      fc.property(messages, bags, (message, headers) => {
        const [ours, theirs] = [verdict(message, headers), sdkVerdict(message, headers)];
        const found = Object.keys(differences).find((name) => differences[name]!(message, headers, ours, theirs));
        const outcome = ours === theirs ? 'same' : found;
        expect({ outcome, ours, theirs }).toMatchObject({ outcome: expect.any(String) as string });
        met.set(outcome!, (met.get(outcome!) ?? 0) + 1);
      }),
      // The same requests in every run: which differences they meet is counted.
      { numRuns: 10_000, seed: 7 },
    );
    expect([...met.keys()].toSorted()).toEqual([...Object.keys(differences), 'same'].toSorted());
    expect(met.get('same')).toBeGreaterThan(5_000);
  });

  it('reads the same requests', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(readMessage(JSON.stringify(message)).kind).toBe('request');
      }),
    );
  });
});
