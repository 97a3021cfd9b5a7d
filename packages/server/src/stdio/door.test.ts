import { PassThrough, Writable } from 'node:stream';
import * as fc from 'fast-check';
import { MESSAGE_LIMITS } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import {
  preparedResult,
  type Answer,
  type AnswerSink,
  type ClientReply,
  type Exchange,
  type Served,
} from '../exchange.ts';
import { openStdioDoor, type StdioDoor } from './door.ts';
import { LineReader } from './lines.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

interface Line {
  readonly id?: string | number;
  readonly method?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly code: string } };
}

interface Rig {
  readonly input: PassThrough;
  readonly output: PassThrough;
  readonly door: StdioDoor;
  readonly calls: Exchange[];
  readonly events: string[];
  readonly say: (...messages: (object | string)[]) => void;
  /** The next messages of the door. */
  readonly lines: (count: number) => Promise<Line[]>;
}

interface RigOptions {
  readonly handle?: (exchange: Exchange) => Promise<Answer>;
  readonly served?: Partial<Served>;
  readonly output?: Writable;
  readonly folder?: string;
}

function rig({ handle, served, output: given, folder }: RigOptions = {}): Rig {
  const input = new PassThrough();
  const output = new PassThrough({ highWaterMark: 16 * 1024 });
  const calls: Exchange[] = [];
  const events: string[] = [];
  const door = openStdioDoor({
    input,
    output: given ?? output,
    principal: { issuer: 'local', subject: 'local', roles: [] },
    ...(folder !== undefined && { folder }),
    maxLineBytes: 4096,
    messageLimits: MESSAGE_LIMITS,
    served: {
      describe: () => ({ info: { name: 'test', version: '1' }, capabilities: {}, instructions: 'hi' }),
      handle: (exchange) => {
        calls.push(exchange);
        return handle?.(exchange) ?? Promise.resolve(preparedResult('{"ok":true}'));
      },
      notified: ({ method }) => void events.push(method),
      sessionOpened: () => void events.push('opened'),
      sessionChanged: () => undefined,
      sessionClosed: () => void events.push('closed'),
      ...served,
    },
  });
  let text = '';
  const lines = async (count: number): Promise<Line[]> => {
    while (text.split('\n').length <= count) {
      const chunk: unknown = output.read();
      if (Buffer.isBuffer(chunk)) text += chunk.toString('utf8');
      else if (output.readableEnded) throw new Error(`The output ended after: ${text}`);
      else await new Promise((resolve) => output.once('readable', resolve));
    }
    const all = text.split('\n');
    text = all.slice(count).join('\n');
    return all.slice(0, count).map((line) => JSON.parse(line) as Line);
  };
  const say = (...messages: (object | string)[]): void => {
    for (const message of messages) input.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
  };
  return { input, output, door, calls, events, say, lines };
}

const request = (id: unknown, method: string, params: object = {}): object => ({ jsonrpc: '2.0', id, method, params });
const stateless = (id: unknown, method: string): object => request(id, method, { _meta: META });
const initialize = request('i', 'initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'c', version: '1' },
});

describe('the stdio door', () => {
  it('serves both eras on one connection', async () => {
    const { say, lines, calls, events } = rig();
    say(request(0, 'tools/list'), stateless(1, 'server/discover'), stateless(2, 'tools/list'), initialize);
    say(request(3, 'ping'), request(4, 'tools/list'), initialize, {
      jsonrpc: '2.0',
      method: 'notifications/initialized',
    });
    const answers = new Map((await lines(7)).map((line) => [line.id, line]));
    expect(answers.get(0)?.error?.data.code).toBe('invalid_request');
    expect(answers.get(1)?.result).toMatchObject({ resultType: 'complete', instructions: 'hi' });
    expect(answers.get(3)?.result).toEqual({});
    expect(answers.get(4)?.result).toEqual({ ok: true });
    expect(calls.map(({ era, revision, session }) => [era, revision, session?.id])).toEqual([
      ['stateless', '2026-07-28', undefined],
      ['session', '2025-06-18', 'stdio'],
    ]);
    expect(events).toEqual(['opened']);
  });

  it('refuses what is no message, and goes on', async () => {
    const { say, lines } = rig();
    say('{\n', '\n', ' \t\r\n', '[]\n', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n', `${'x'.repeat(5000)}\n`);
    say(`{"jsonrpc":"2.0","id":null,"method":"ping"}\n`, `{"jsonrpc":"2.0","id":1.5,"method":"ping"}\n`);
    say(request('ok', 'ping'));
    const answers = await lines(7);
    expect(answers.map(({ id, error }) => error?.data.code ?? id)).toEqual([
      'parse',
      'invalid_request',
      'invalid_request',
      'too_large',
      'invalid_request',
      'invalid_request',
      'ok',
    ]);
    expect(answers.slice(0, 6).every((answer) => !('id' in answer))).toBe(true);
  });

  it('refuses invalid UTF-8, takes CRLF, and takes a line of exactly the limit', async () => {
    const { say, lines, input } = rig();
    const bytes = Buffer.from(`${JSON.stringify(request('x', 'ping'))}\n`);
    bytes[bytes.indexOf('x')] = 0xff;
    input.write(bytes);
    say(`${JSON.stringify(request('crlf', 'ping'))}\r\n`);
    say(`${JSON.stringify(request('full', 'ping')).padEnd(4096, ' ')}\n`);
    say(`${JSON.stringify(request('over', 'ping')).padEnd(4097, ' ')}\n`);
    const answers = await lines(4);
    expect(answers.map(({ id, error }) => error?.data.code ?? id)).toEqual(['parse', 'too_large', 'crlf', 'full']);
  });

  it('refuses an id in use, and takes it again afterwards', async () => {
    const gate = Promise.withResolvers<void>();
    const { say, lines } = rig({
      handle: async () => {
        await gate.promise;
        return { kind: 'value', result: { n: 1 } };
      },
    });
    say(stateless(1, 'x'), stateless(1, 'x'), stateless('1', 'x'));
    expect(await lines(1)).toMatchObject([{ id: 1, error: { data: { code: 'invalid_request' } } }]);
    gate.resolve();
    expect(new Set((await lines(2)).map(({ id }) => id))).toEqual(new Set([1, '1']));
    say(stateless(1, 'x'));
    expect(await lines(1)).toMatchObject([{ id: 1, result: { n: 1 } }]);
  });

  it('answers on one line whatever the bytes hold, and keeps numbers as they are', async () => {
    const raw: string[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        raw.push(chunk.toString());
        done();
      },
    });
    const { say, input, door } = rig({
      output,
      handle: async () => ({
        kind: 'result',
        before: Buffer.from('{"jsonrpc":"2.0",\r\n"id":'),
        after: Buffer.from(',\n"result":\r{"n":12345678901234567890}}\n'),
      }),
    });
    say(stateless(1, 'x'));
    input.end();
    await door.done;
    expect(raw.join('')).toBe('{"jsonrpc":"2.0",  "id":1, "result": {"n":12345678901234567890}} \n');
  });

  it('cancels by notification, and answers nothing then', async () => {
    const { say, lines, calls } = rig({
      handle: (exchange) =>
        exchange.message.method === 'hang' ? new Promise(() => {}) : Promise.resolve(preparedResult('{}')),
    });
    say(
      stateless(1, 'hang'),
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
      stateless(2, 'x'),
    );
    expect((await lines(1))[0]?.id).toBe(2);
    expect(calls[0]?.cancelled).toBe(true);
  });

  it('gives back a large answer that is cancelled on its way, and says when one breaks off', async () => {
    const sinks: AnswerSink[] = [];
    const cancelled: number[] = [];
    const { say, lines, input, door } = rig({
      handle: async () => ({
        kind: 'result',
        before: Buffer.from('{"jsonrpc":"2.0","id":'),
        after: Buffer.from(',"result":{}'),
        rest: {
          bytes: 1,
          pipe: (sink) => void sinks.push(sink),
          resume: () => {},
          cancel: () => void cancelled.push(1),
        },
      }),
    });
    say(stateless(1, 'x'), stateless(2, 'x'), stateless(3, 'x'));
    await expect.poll(() => sinks.length).toBe(3);
    say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    sinks[1]?.fail(new Error('secret detail'));
    sinks[2]?.write(Buffer.from('}'));
    sinks[2]?.end();
    const answers = await lines(2);
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [2, -31001],
      [3, undefined],
    ]);
    expect(JSON.stringify(answers)).not.toContain('secret');
    input.end();
    await door.done;
    expect(cancelled).toEqual([1]);
  });

  it('asks the client in a session, and not in the stateless era', async () => {
    const replies: ClientReply[] = [];
    const { say, lines } = rig({
      handle: async (exchange) => {
        exchange.notify({ jsonrpc: '2.0', method: 'notifications/progress' });
        replies.push(await exchange.ask('roots/list', { a: 1 }));
        return { kind: 'value', result: {} };
      },
    });
    say(stateless(1, 'x'));
    expect((await lines(2)).map(({ id, method }) => id ?? method)).toEqual(['notifications/progress', 1]);
    say(initialize);
    await lines(1);
    say(request(2, 'x'));
    const [, ask] = await lines(2);
    expect(ask).toMatchObject({ method: 'roots/list', params: { a: 1 } });
    say({ jsonrpc: '2.0', id: 'nobody', result: {} }, { jsonrpc: '2.0', id: ask?.id, result: { roots: [] } });
    expect((await lines(1))[0]?.id).toBe(2);
    expect(replies).toMatchObject([{ error: { code: -32601 } }, { result: { roots: [] } }]);
  });

  it('is done when the client has ended and all is answered; half a line is a mistake, a whole one is served', async () => {
    for (const [last, expected] of [
      ['{"jsonrpc":"2.0","id":9,"method":"ping"}', 9],
      ['{"jsonrpc":"2.0","id":9,"met', 'parse'],
    ] as const) {
      const gate = Promise.withResolvers<void>();
      const { say, lines, input, door, events, calls } = rig({
        handle: async () => {
          await gate.promise;
          return { kind: 'value', result: {} };
        },
      });
      say(initialize, request(1, 'x'));
      await lines(1);
      input.end(last);
      expect((await lines(1)).map(({ id, error }) => error?.data.code ?? id)).toEqual([expected]);
      gate.resolve();
      await door.done;
      expect(await lines(1)).toMatchObject([{ id: 1 }]);
      expect([events, calls[0]?.cancelled]).toEqual([['opened', 'closed'], false]);
    }
  });

  it('drains: what is under way is answered, nothing is begun, and then it is done', async () => {
    const gate = Promise.withResolvers<void>();
    const { say, lines, door, events, calls, input } = rig({
      handle: async () => {
        await gate.promise;
        return preparedResult('{}');
      },
    });
    say(initialize, request(1, 'x'));
    await lines(1);
    door.drain();
    say(request(2, 'x'));
    expect((await lines(1)).map(({ id, error }) => [id, error?.data.code])).toEqual([[2, 'shutting_down']]);
    gate.resolve();
    await door.done;
    expect(await lines(1)).toMatchObject([{ id: 1, result: {} }]);
    expect([calls.length, calls[0]?.cancelled, events, input.isPaused()]).toEqual([
      1,
      false,
      ['opened', 'closed'],
      true,
    ]);
  });

  it('knows the folder that it was opened in', async () => {
    const { say, lines, calls } = rig({ folder: '/home/a' });
    say(stateless(1, 'x'));
    await lines(1);
    expect([calls[0]?.local?.folder, calls[0]?.transport, calls[0]?.endpoint]).toEqual(['/home/a', 'stdio', 'stdio']);
  });

  it('closes once, cancels what is under way, and takes nothing more', async () => {
    const { say, door, calls, events, input, output } = rig({ handle: () => new Promise(() => {}) });
    say(initialize, request(1, 'x'));
    await expect.poll(() => calls.length).toBe(1);
    door.close();
    door.close();
    await door.done;
    say(request(2, 'x'));
    input.end();
    // Paused, or the process of a door on standard input could not end.
    expect([calls.length, calls[0]?.cancelled, events, input.isPaused()]).toEqual([
      1,
      true,
      ['opened', 'closed'],
      true,
    ]);
    expect(String(output.read())).not.toContain('"id":1');
  });

  it('survives an output that breaks, an input that breaks, and a server that throws', async () => {
    const broken = rig();
    broken.say(stateless(1, 'x'));
    await broken.lines(1);
    broken.output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await broken.door.done;
    // Standard output reports its error and is not closed by it.
    const piped = rig({
      output: new Writable({ autoDestroy: false, write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) }),
    });
    piped.say(stateless(1, 'x'));
    await piped.door.done;
    const torn = rig();
    torn.input.destroy(new Error('read EIO'));
    await torn.door.done;
    const throwing = rig({
      handle: () => Promise.reject(new Error('secret detail')),
      served: {
        describe: () => {
          throw new Error('secret detail');
        },
      },
    });
    throwing.say(stateless(1, 'x'), stateless(2, 'server/discover'), initialize);
    const answers = await throwing.lines(3);
    expect(answers.map(({ error }) => error?.data.code)).toEqual(['internal', 'internal', 'internal']);
    expect(JSON.stringify(answers)).not.toContain('secret');
  });

  it('takes no more requests from a client that does not read, and goes on when it does', async () => {
    const big = 'b'.repeat(64 * 1024);
    const { say, input, calls, lines } = rig({ handle: async () => preparedResult(`{"big":"${big}"}`) });
    for (let id = 0; !input.isPaused() && id < 200; id++) {
      say(stateless(id, 'x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = calls.length;
    expect(before).toBeLessThan(100);
    say(stateless('last', 'x'));
    await lines(before);
    await expect.poll(() => calls.length).toBe(before + 1);
  });

  it('gives up a client that is told more and more and never reads', async () => {
    const { say, door, calls } = rig({ handle: () => new Promise(() => {}) });
    say(initialize, request(1, 'x'));
    await expect.poll(() => calls.length).toBe(1);
    for (let at = 0; at < 100; at++) {
      calls[0]?.notify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'z'.repeat(1024 * 1024) } });
    }
    await door.done;
    expect(calls[0]?.cancelled).toBe(true);
  });
});

describe('LineReader', () => {
  it('reads the same lines in any chunking, none over the limit', () => {
    const line = fc.string({ unit: 'binary', maxLength: 150, size: 'max' }).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(20), { minLength: 1 }), (texts, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
        const seen: string[] = [];
        let oversize = 0;
        const reader = new LineReader({
          maxBytes: 40,
          onLine: (each) => void seen.push(each.toString()),
          onOversize: () => oversize++,
        });
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const size = (cuts[cut % cuts.length] as number) + 1;
          reader.push(Buffer.from(bytes.subarray(at, at + size)));
          at += size;
        }
        reader.end();
        const fits = (text: string): boolean => Buffer.byteLength(text) <= 40;
        expect(seen).toEqual(texts.filter((text) => text !== '' && fits(text)));
        expect(oversize).toBe(texts.filter((text) => !fits(text)).length);
      }),
    );
  }, 30_000);
});
