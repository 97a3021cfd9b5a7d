import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseReader, isSingleLine, SSE_HEARTBEAT, sseEvent, sseHead } from './sse.ts';

interface Seen {
  readonly events: { event: string; data: string; id: string | undefined }[];
  readonly oversize: number;
  readonly lastId: string | undefined;
  readonly retryMs: number | undefined;
}

function read(chunks: readonly (Buffer | string)[], maxEventBytes = 1 << 20): Seen {
  const events: Seen['events'] = [];
  let oversize = 0;
  const reader = createSseReader({
    maxEventBytes,
    onEvent: ({ event, data, id }) => events.push({ event, data: data.toString(), id }),
    onOversize: () => oversize++,
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return { events, oversize, lastId: reader.lastId, retryMs: reader.retryMs };
}

const message = (data: string, id?: string): Seen['events'][number] => ({ event: 'message', data, id });

/** Pieces of streams, good and bad. */
const streamBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\r\n',
        '\n\n',
        '\r\r',
        'data',
        'data:',
        'data: ',
        'data:x',
        'id: 1',
        'id:\0',
        'id',
        'event: ping',
        'event',
        'retry: 5',
        'retry: x',
        ':',
        ': comment',
        ' ',
        'a',
        '\ufeff',
        'é😀',
        '{"jsonrpc":"2.0"}',
        '\0',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join('')));

function cutAt(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += turn > 1000 ? bytes.length : size;
  }
  return chunks;
}

/** What WHATWG HTML §9.2.6 says, over the whole text at once. */
function reference(stream: Buffer): Omit<Seen, 'oversize'> {
  const events: Seen['events'] = [];
  let [data, type, idBuffer, lastId, retryMs] = [[] as string[], '', '', '', undefined as number | undefined];
  const dispatch = (): void => {
    lastId = idBuffer;
    if (data.length > 0) events.push({ event: type || 'message', data: data.join('\n'), id: lastId || undefined });
    [data, type] = [[], ''];
  };
  const fields: Record<string, (value: string) => void> = {
    data: (value) => data.push(value),
    event: (value) => (type = value),
    id: (value) => (idBuffer = value.includes('\0') ? idBuffer : value),
    retry: (value) => (retryMs = /^\d{1,9}$/.test(value) ? Number(value) : retryMs),
  };
  const text = stream.toString().replace(/^\ufeff/, '');
  for (const line of text.split(/\r\n|\r|\n/).slice(0, -1)) {
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line) as unknown as [string, string, string];
    if (line === '') dispatch();
    else if (Object.hasOwn(fields, name)) fields[name]!(value);
  }
  return { events, lastId: lastId || undefined, retryMs };
}

describe('the reader', () => {
  it('sees the same events in any chunking, and what the standard says', () => {
    fc.assert(
      fc.property(
        streamBytes,
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 }),
        (stream, sizes) => {
          const sized = sizes.some((size) => size > 0) ? sizes : [1];
          const whole = read([stream]);
          expect(read(cutAt(stream, sized))).toEqual(whole);
          expect(read([...stream].map((byte) => Buffer.of(byte)))).toEqual(whole);
          expect(whole).toEqual({ ...reference(stream), oversize: 0 });
        },
      ),
      { numRuns: 4000 },
    );
  });

  it.each<[string, string, Seen['events']]>([
    ['LF', 'data: a\n\ndata: b\n\n', [message('a'), message('b')]],
    ['CR', 'data: a\r\rdata: b\r\r', [message('a'), message('b')]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [message('a'), message('b')]],
    ['all of them', 'data: a\rdata: b\ndata: c\r\n\r', [message('a\nb\nc')]],
    ['a byte order mark', '\ufeffdata: a\n\n', [message('a')]],
    ['a second byte order mark', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [message('b')]],
    ['one space', 'data:  a\n\ndata:b\n\n', [message(' a'), message('b')]],
    ['empty data', 'data\n\ndata:\n\n', [message(''), message('')]],
    ['two empty lines of data', 'data\ndata\n\n', [message('\n')]],
    ['no data', 'event: x\nid: 1\n\n', []],
    ['comments', ': a\n\n:\ndata: b\n: c\n\n', [message('b')]],
    ['an event that does not end', 'data: a\n', []],
    ['names in capitals', 'DATA: a\nData: b\n data: c\n\n', []],
    [
      'an event type that is not kept',
      'event: x\ndata: a\n\ndata: b\n\n',
      [{ event: 'x', data: 'a', id: undefined }, message('b')],
    ],
    ['an id that is kept', 'id: 1\ndata: a\n\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
    ['an id that is taken back', 'id: 1\ndata: a\n\nid\ndata: b\n\n', [message('a', '1'), message('b')]],
    ['an id with NUL', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
  ])('reads %s', (_what, stream, events) => {
    expect(read([stream]).events).toEqual(events);
  });

  it('takes an id of an event that never ends for nothing', () => {
    expect(read(['id: 1\ndata: a\n\nid: 2\ndata: b\n']).lastId).toBe('1');
    expect(read(['id: 1\n\n']).lastId).toBe('1');
  });

  it.each([
    ['retry: 1500', 1500],
    ['retry:0', 0],
    ['retry: 007', 7],
    ['retry: -1', undefined],
    ['retry: 1.5', undefined],
    ['retry: 1e3', undefined],
    ['retry: 9999999999', undefined],
    ['retry', undefined],
    ['retry:  5', undefined],
  ])('takes %s for %s', (line, retryMs) => {
    expect(read([`${line}\n`]).retryMs).toBe(retryMs);
  });

  it('DOS-07 gives up an event once, at the limit, and reads nothing behind it', () => {
    const event = 'data: 1234\n\n';
    expect(read([event], 11).events).toHaveLength(1);
    expect(read([event], 10)).toMatchObject({ events: [], oversize: 1 });
    expect(read([event, event, 'data: \n\n'], 10)).toMatchObject({ events: [], oversize: 1 });
    expect(
      read(
        Array.from({ length: 100 }, () => event),
        12,
      ),
    ).toMatchObject({ oversize: 0 });
    expect(read(['data: 12', '345678', '9', '\n\n'], 12)).toMatchObject({ events: [], oversize: 1 });
  });

  it.each([
    ['empty lines of data', 'data\n'],
    ['event types', 'event: x\n'],
    ['ids', 'id: x\n'],
    ['unknown fields', 'x\n'],
    ['comments within an event', 'data: a\n: comment\n'],
    ['a line that never ends', 'data: aaaa'],
    ['a comment that never ends', ': aaaa'],
  ])('bounds %s without end', (_what, piece) => {
    expect(
      read(
        Array.from({ length: 1000 }, () => piece),
        1000,
      ).oversize,
    ).toBe(1);
  });

  it('lets comments between events go on for ever', () => {
    expect(
      read(
        Array.from({ length: 1000 }, () => ': still here\n'),
        100,
      ).oversize,
    ).toBe(0);
    expect(
      read(
        Array.from({ length: 1000 }, () => SSE_HEARTBEAT),
        10,
      ).oversize,
    ).toBe(0);
  });

  it('keeps what came in small pieces and in large ones in order', () => {
    const parts = Array.from({ length: 300 }, (_, index) =>
      String.fromCodePoint(97 + (index % 26)).repeat((index * 37) % 2500),
    );
    const data = parts.join('');
    expect(read(['data: ', ...parts, '\n', '\n']).events).toEqual([message(data)]);
  });

  it('goes on after a receiver has thrown, without that event', () => {
    const seen: string[] = [];
    const reader = createSseReader({
      maxEventBytes: 100,
      onOversize: () => seen.push('oversize'),
      onEvent: ({ data }) => {
        seen.push(data.toString());
        if (seen.length === 1) throw new Error('receiver');
      },
    });
    expect(() => reader.push(Buffer.from('data: a\n\n'))).toThrow('receiver');
    reader.push(Buffer.from('data: b\n\n'));
    expect(seen).toEqual(['a', 'b']);
  });

  it.each(['\r', '\n', '\r\n', '\n\r', 'data\r', ':\r', 'a\n'])(
    'searches a chunk of %j in a straight line',
    (piece) => {
      let searched = 0;
      const chunk = Buffer.from(piece.repeat(20_000));
      const indexOf = chunk.indexOf.bind(chunk);
      chunk.indexOf = ((wanted: number, from: number): number => {
        const found = indexOf(wanted, from);
        searched += (found === -1 ? chunk.length : found) - from + 1;
        return found;
      }) as typeof chunk.indexOf;
      createSseReader({ maxEventBytes: 1 << 20, onEvent: () => undefined, onOversize: () => undefined }).push(chunk);
      expect(searched).toBeGreaterThan(0);
      expect(searched).toBeLessThan(4 * chunk.length);
    },
  );
});

/** Text that tries to be more than one field. */
const hostile = fc
  .array(
    fc.constantFrom(
      '\n',
      '\r',
      '\r\n',
      '\0',
      '\u2028',
      'data: evil',
      'event: evil',
      'id: evil',
      ':',
      ' ',
      'a',
      '\ufeff',
      '\n\n',
      'é',
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

describe('the writer', () => {
  it('OUT-07 makes exactly one event of any data, id and name, between two others', () => {
    fc.assert(
      fc.property(
        hostile,
        fc.option(hostile, { nil: undefined }),
        fc.option(hostile, { nil: undefined }),
        (data, id, event) => {
          const fields = { ...(id !== undefined && { id }), ...(event !== undefined && { event }), retry: 5 };
          const stream = sseEvent('first') + sseEvent(data, fields) + sseEvent('last');
          const { events } = read([stream]);
          const clean = (text: string | undefined): string => (text ?? '').replace(/[\r\n\0]/g, '');
          expect(events).toEqual([
            message('first'),
            { event: clean(event) || 'message', data: data.replace(/\r\n|\r/g, '\n'), id: clean(id) || undefined },
            message('last', clean(id) || undefined),
          ]);
          expect(reference(Buffer.from(stream)).events).toEqual(events);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('keeps a JSON message what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(JSON.parse(read([sseEvent(text)]).events[0]!.data)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('writes heads and knows single lines', () => {
    expect(sseHead({ event: 'a', id: 'b', retry: 3 })).toBe('event: a\nid: b\nretry: 3\n');
    expect(sseHead({})).toBe('');
    expect(['a', 'a\r', '\na', ''].map((text) => isSingleLine(Buffer.from(text)))).toEqual([true, false, false, true]);
    expect(read([SSE_HEARTBEAT])).toMatchObject({ events: [], oversize: 0 });
  });
});
