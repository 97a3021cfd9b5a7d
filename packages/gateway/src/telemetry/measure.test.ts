import type { Answer, Exchange } from '@sallyport/server';
import { wireError, type ErrorKey } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import type { Log } from './index.ts';
import { callFacts, createMeasure, type MeasuredCall } from './measure.ts';
import type { EndedCall, ListRequestKind, Outcome } from './metrics.ts';

interface Seen {
  readonly calls: EndedCall[];
  readonly lists: [ListRequestKind, Outcome][];
  readonly records: Readonly<Record<string, unknown>>[];
}

function callOf(method: string, more: Partial<MeasuredCall> & { readonly cancelled?: boolean } = {}): MeasuredCall {
  const { cancelled = false, ...rest } = more;
  const message = { jsonrpc: '2.0', id: 1, method, params: { arguments: { secret: 'canary' } } } as const;
  const exchange = { message, text: JSON.stringify(message), headers: undefined, cancelled };
  return { exchange, target: { server: 'files', canonicalId: 'files__read' }, ...rest };
}

function measure(call: MeasuredCall, answer: Answer, level: 'debug' | 'info' = 'info'): Seen {
  const seen: Seen = { calls: [], lists: [], records: [] };
  const log: Log = Object.assign(
    (_level: string, _text: string, detail: Readonly<Record<string, unknown>> = {}) => void seen.records.push(detail),
    { isOn: (asked: string) => asked !== 'debug' || level === 'debug' },
  );
  const times = [1000, 1012.5];
  const metrics = {
    call: (ended: EndedCall) => void seen.calls.push(ended),
    listed: (kind: ListRequestKind, outcome: Outcome) => void seen.lists.push([kind, outcome]),
  };
  const measuring = createMeasure({ metrics, log, monotonic: () => times.shift() ?? 0, logId: () => 'id-1' });
  measuring.ended(call, answer, measuring.begin());
  return seen;
}

function result(text: string): Answer {
  const [before = '', after = ''] = text.split('ID');
  return { kind: 'result', before: Buffer.from(before), after: Buffer.from(after) };
}

const OK = result('{"jsonrpc":"2.0","id":ID,"result":{"content":[],"isError":false}}');
const errorOf = (key: ErrorKey): Answer => ({ kind: 'error', error: wireError(key).error, status: 200 });

describe('how a call ended', () => {
  const outcome = (answer: Answer, more: Parameters<typeof callOf>[1] = {}, method = 'tools/call'): unknown =>
    measure(callOf(method, more), answer).calls[0]?.outcome;

  it('is told by its answer', () => {
    expect(outcome(OK)).toBe('ok');
    expect(outcome({ kind: 'value', result: {} })).toBe('ok');
    expect(outcome(errorOf('invalid_params'))).toBe('server_error');
    expect(outcome(errorOf('rate_limited'), { failure: 'rate_limited' })).toBe('rate_limited');
    expect(outcome(OK, { cancelled: true })).toBe('cancelled');
    expect(outcome(errorOf('internal'), { failure: 'internal', cancelled: true })).toBe('cancelled');
  });

  it('does not believe a server that names an error of the gateway', () => {
    const data = { code: 'refused' };
    expect(outcome({ kind: 'error', error: { code: -31003, message: 'x', data }, status: 200 })).toBe('server_error');
  });

  it.each([
    ['at the front', '{"jsonrpc":"2.0","id":ID,"result":{"isError":true,"content":[]}}'],
    ['at the end', '{"jsonrpc":"2.0","id":ID,"result":{"content":[],"isError":true}}'],
    ['with space', '{"jsonrpc": "2.0", "id": ID, "result": {"isError" :\n true}}'],
    ['before the id', '{"result":{"content":[],"isError":true},"jsonrpc":"2.0","id":ID}'],
    ['behind another', '{"jsonrpc":"2.0","id":ID,"result":{"structuredContent":{"isError":false},"isError":true}}'],
    ['far behind', `{"jsonrpc":"2.0","id":ID,"result":{"content":["${'x'.repeat(200_000)}"],"isError":true}}`],
  ])('is an error that the tool reports %s', (_where, text) => {
    expect(outcome(result(text))).toBe('tool_error');
    expect(outcome(result(text), {}, 'resources/read')).toBe('ok');
  });

  it.each([
    ['in what the tool returns', '{"jsonrpc":"2.0","id":ID,"result":{"structuredContent":{"isError":true}}}'],
    ['in a text', '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"text":"{\\"isError\\":true}"}]}}'],
    ['as another value', '{"jsonrpc":"2.0","id":ID,"result":{"isError":"true"}}'],
  ])('is none that stands %s', (_where, text) => {
    expect(outcome(result(text))).toBe('ok');
  });
});

describe('what is measured', () => {
  it('are time, time with the server, and sizes in bytes', () => {
    const rest = { bytes: 1000, pipe: () => undefined, resume: () => undefined, cancel: () => undefined };
    const answer: Answer = { kind: 'result', before: Buffer.alloc(22), after: Buffer.alloc(8), rest };
    const message = { jsonrpc: '2.0', id: 1, method: 'prompts/get' } as const;
    const exchange = { message, text: '"äö"', headers: undefined, cancelled: false };
    expect(measure({ exchange, upstreamMs: 10 }, answer).calls).toEqual([
      {
        server: undefined,
        method: 'prompts',
        outcome: 'ok',
        durationMs: 12.5,
        upstreamMs: 10,
        requestBytes: 6,
        responseBytes: 1030,
      },
    ]);
    expect(measure(callOf('prompts/get'), { kind: 'value', result: {} }).calls[0]?.responseBytes).toBeUndefined();
  });

  it('puts every method into a fixed set, and lists apart', () => {
    const group = (method: string): unknown => measure(callOf(method), OK).calls[0]?.method;
    expect(group('tasks/result')).toBe('tasks');
    expect(group('subscriptions/listen')).toBe('session');
    for (const method of ['made/up', 'constructor', '__proto__', '']) expect(group(method)).toBe('other');
    const seen = measure(callOf('resources/templates/list'), errorOf('rate_limited'));
    expect(seen).toMatchObject({ calls: [], lists: [['templates', 'server_error']] });
    expect(measure(callOf('tools/list', { failure: 'rate_limited' }), errorOf('rate_limited')).lists).toEqual([
      ['tools', 'rate_limited'],
    ]);
  });
});

describe('what is logged', () => {
  it('is each call at debug, without arguments and results', () => {
    const { records } = measure(callOf('tools/call'), OK, 'debug');
    expect(records).toEqual([
      {
        id: 'id-1',
        method: 'tools/call',
        target: 'files__read',
        server: 'files',
        durationMs: 12.5,
        outcome: 'ok',
      },
    ]);
    expect(measure(callOf('tools/call'), OK).records).toEqual([]);
  });

  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  const traced = (meta: unknown, header?: string): unknown => {
    const params = { _meta: { traceparent: meta } } as never;
    const message: Exchange['message'] = { jsonrpc: '2.0', id: 1, method: 'ping', params };
    const headers = header === undefined ? undefined : { traceparent: header };
    return callFacts({ exchange: { message, text: '', headers, cancelled: false } }, 'x')['trace'];
  };

  it('is the trace that the client names, in the message or in a header', () => {
    expect(traced(`00-${TRACE}-b7ad6b7169203331-01`)).toBe(TRACE);
    expect(traced(undefined, `00-${TRACE}-b7ad6b7169203331-01`)).toBe(TRACE);
    expect(traced(`01-${TRACE}-b7ad6b7169203331-01-more`)).toBe(TRACE);
  });

  it.each([
    5,
    '',
    TRACE,
    `ff-${TRACE}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${TRACE}-b7ad6b7169203331-01\nforged`,
  ])('is no trace that is malformed: %j', (value) => {
    expect(traced(value)).toBeUndefined();
  });
});
