import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProtocol, FILLER } from '../upstream/protocol.ts';
import { callText, deepProblem, lastMessage, problem, type Expected } from './check.ts';

const protocol = createProtocol({ tools: 2 });

function echo(id: number, text: string): Buffer {
  const params = { name: 'echo', arguments: { text } };
  return Buffer.concat(protocol.handle({ id, method: 'tools/call', params }).body);
}

function payload(id: number, seed: string, bytes: number): Buffer {
  const params = { name: 'payload', arguments: { seed, bytes } };
  return Buffer.concat(protocol.handle({ id, method: 'tools/call', params }).body);
}

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

const small: Expected = { id: 1007, text: callText(1007, 100), bytes: 100 };
const large: Expected = { id: 1007, text: callText(1007, 0), bytes: 1 << 20 };

describe('a right reply', () => {
  it.each([1, 7, 64, 4096])('is accepted in pieces of %i bytes', (size) => {
    const reply = echo(small.id, small.text);
    expect(problem(small, split(reply, size), reply.length)).toBeUndefined();
    expect(deepProblem(small, reply.toString(), false)).toBeUndefined();
  });

  it.each([1000, 65_536])('of a mebibyte is accepted in pieces of %i bytes', (size) => {
    const reply = payload(large.id, large.text, large.bytes);
    expect(problem(large, split(reply, size), reply.length)).toBeUndefined();
    expect(deepProblem(large, reply.toString(), false)).toBeUndefined();
  });

  it('may have its id behind the result', () => {
    const reply = JSON.stringify({ result: { content: [{ text: large.text + FILLER.slice(0, -6) }] }, id: large.id });
    expect(problem(large, split(Buffer.from(reply), 999), reply.length)).toBeUndefined();
  });

  it('may come on an event stream', () => {
    const stream = `data: {"method":"notifications/progress"}\n\nevent: message\ndata: ${echo(small.id, small.text).toString()}\n\n`;
    expect(problem(small, [Buffer.from(stream)], stream.length)).toBeUndefined();
    expect(deepProblem(small, stream, true)).toBeUndefined();
  });
});

describe('a wrong reply', () => {
  it.each([
    ['of another call', echo(1008, small.text)],
    ['whose id only begins alike', echo(10_070, small.text)],
    ['with the text of another call', echo(small.id, callText(1008, 100))],
    ['that is cut short', echo(small.id, small.text).subarray(0, 90)],
    ['that is empty', Buffer.alloc(0)],
  ])('%s is seen by a search', (_, reply) => {
    expect(problem(small, [reply], reply.length)).toBeTypeOf('string');
  });

  it('of another large call is seen at its edges', () => {
    const reply = payload(1008, large.text, large.bytes);
    expect(problem(large, split(reply, 65_536), reply.length)).toContain('no id 1007');
    const other = payload(large.id, callText(1008, 0), large.bytes);
    expect(problem(large, split(other, 65_536), other.length)).toContain('no text n1007-');
  });

  it('with one byte changed anywhere in its text is seen by a parse', () => {
    const reply = echo(small.id, small.text).toString();
    const start = reply.indexOf(small.text);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: small.text.length - 1 }), (at) => {
        const spoilt = `${reply.slice(0, start + at)}?${reply.slice(start + at + 1)}`;
        expect(deepProblem(small, spoilt, false)).toContain('another answer');
      }),
    );
  });

  it.each([
    ['is no JSON', '{"id":1007,'],
    ['is an error', '{"jsonrpc":"2.0","id":1007,"error":{"code":-32603,"message":"no"}}'],
    ['is a failed call', JSON.stringify({ id: 1007, result: { isError: true, content: [{ text: small.text }] } })],
    ['has the id as a string', JSON.stringify({ id: '1007', result: { content: [{ text: small.text }] } })],
  ])('that %s is seen by a parse', (_, reply) => {
    expect(deepProblem(small, reply, false)).toBeTypeOf('string');
  });
});

describe('lastMessage', () => {
  it('joins the lines of an event and takes the last with an id', () => {
    expect(lastMessage('data: {"id":1}\r\n\r\nid: 4\r\ndata: {"id":\r\ndata: 2}\r\n\r\n: beat\r\n\r\n')).toBe(
      '{"id":\n2}',
    );
    expect(lastMessage('data: {"method":"x"}\n\n')).toBeUndefined();
  });
});
