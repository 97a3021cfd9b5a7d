import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { survey } from './index.ts';
import { readDocument } from './document.ts';
import { readInThread } from './reading.ts';
import type { Order } from './messages.ts';

const never = (): AbortSignal => new AbortController().signal;

function orderOf(document: object, more: Partial<Order> = {}): Order {
  const bytes = new TextEncoder().encode(JSON.stringify({ openapi: '3.1.0', info: { title: 'Pets' }, ...document }));
  return {
    bytes,
    hash: createHash('sha256').update(bytes).digest('hex'),
    server: 'api',
    wanted: { headers: [], operations: { allow: ['*'], deny: [] }, pagination: true, server: 'https://api.example/v1' },
    ...more,
  };
}

const answer = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
const operation = (n: number): object => ({
  operationId: `op${n}`,
  description: 'x'.repeat(900),
  parameters: [{ name: 'page', in: 'query', schema: { type: 'integer', description: 'y'.repeat(2000) } }],
  responses: { 200: { description: '', content: { 'application/json': { schema: answer } } } },
});
const paths = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`/p${n}`, { get: operation(n) }]));

describe('a document that is read in a thread', () => {
  it('makes the tools that it makes elsewhere, in several pieces', async () => {
    const order = orderOf({ paths });
    const { idle, info, refused, tools } = await readInThread(order, never());
    const made = survey(readDocument(order.bytes), 'api', {
      headers: {},
      operations: { allow: ['*'], deny: [] },
      server: 'https://api.example/v1',
    });
    expect(tools.map(({ definition }) => definition)).toEqual(made.tools.map(({ definition }) => definition));
    expect(tools.map(({ base, pages }) => [base, pages])).toEqual(made.tools.map(({ base, pages }) => [base, pages]));
    expect([idle, info, refused]).toEqual([[], { name: 'Pets', version: '0' }, { count: 0, operations: [] }]);
    expect(tools[299]?.checkOutput?.({ id: 1 })).toEqual([]);
    expect(tools[299]?.checkOutput?.({ id: 'x' })).not.toEqual([]);
  });

  it('says what it does not make', async () => {
    const bad = { '/x': { post: { requestBody: { content: { 'application/xml': {} } } } } };
    const wanted = { ...orderOf({}).wanted, operations: { allow: ['*', 'GET /none'], deny: [] } };
    const { idle, refused } = await readInThread(orderOf({ paths: bad }, { wanted }), never());
    expect(idle).toEqual(['GET /none']);
    expect(refused).toEqual({ count: 1, operations: [expect.stringContaining('"application/xml" alone') as string] });
  });

  it('is not taken when it is another one, or none', async () => {
    const changed = orderOf({ paths }, { hash: '0'.repeat(64) });
    await expect(readInThread(changed, never())).rejects.toThrow('has changed since');
    const none = orderOf({ openapi: '2.0' });
    await expect(readInThread(none, never())).rejects.toThrow('3.0 and 3.1 are');
  });

  it('is given up with the connection', async () => {
    const stop = new AbortController();
    const reading = readInThread(orderOf({ paths }), stop.signal);
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(readInThread(orderOf({ paths }), stop.signal)).rejects.toThrow('enough');
  });
});
