import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerOf, ResponseReader } from './response-reader.ts';

interface Read {
  status: number;
  body: string;
}

function read(chunks: readonly Buffer[], end = false): Read[] {
  const all: Read[] = [];
  const reader = new ResponseReader(({ status, parts, bytes }) => {
    const body = Buffer.concat(parts);
    expect(body.length).toBe(bytes);
    all.push({ status, body: body.toString() });
  });
  for (const chunk of chunks) reader.push(chunk);
  if (end) reader.end();
  return all;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((each) => each % bytes.length).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

const STREAM = Buffer.from(
  [
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 202 Accepted\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  ].join(''),
);
const RESPONSES = [
  { status: 200, body: 'hello' },
  { status: 202, body: '' },
  { status: 200, body: 'abc0123456789' },
  { status: 404, body: '' },
  { status: 200, body: 'ok' },
];

describe('ResponseReader', () => {
  it('reads the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (at) => {
        expect(read(cut(STREAM, at))).toEqual(RESPONSES);
      }),
    );
    expect(read([...STREAM].map((byte) => Buffer.from([byte])))).toEqual(RESPONSES);
  });

  it('takes the end of the connection for the end of a body without a length', () => {
    const chunks = [Buffer.from('HTTP/1.1 200 OK\r\n\r\nab'), Buffer.from('cd')];
    expect(read(chunks)).toEqual([]);
    expect(read(chunks, true)).toEqual([{ status: 200, body: 'abcd' }]);
  });

  it('does not complete a body that is cut off', () => {
    expect(read([Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab')], true)).toEqual([]);
  });

  it('hands on a body as it comes when it is asked to', () => {
    const parts: string[] = [];
    const reader = new ResponseReader(
      ({ parts: kept }) => parts.push(`end, ${kept.length} kept`),
      (part) => parts.push(part.toString()),
    );
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n'));
    reader.push(Buffer.from('1\r\nb\r\n0\r\n\r\n'));
    expect(parts).toEqual(['a', 'b', 'end, 0 kept']);
  });
});

describe('headerOf', () => {
  it('finds a header by its whole name', () => {
    const head = 'http/1.1 200 ok\r\nx-content-length: 3\r\ncontent-length:  7';
    expect(headerOf(head, 'content-length')).toBe('7');
    expect(headerOf(head, 'length')).toBeUndefined();
  });
});
