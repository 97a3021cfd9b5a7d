import type { Client, FormAnswer } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import { failureText } from './dev-failure.ts';
import { runsTypeScript } from './dev-own.ts';
import { DevPrompt } from './dev-prompt.ts';
import { DevSession, type DevServer } from './dev-session.ts';
import { urlIn } from './dev-http.ts';
import { headersOf } from './header-words.ts';
import { createWireLog } from './dev-wire.ts';
import type { CliContext } from './context.ts';

describe('the wire log', () => {
  it('has a line for each message, with its method, time and size', () => {
    const lines: string[] = [];
    let now = 100;
    const hear = createWireLog({ bodies: false, now: () => now, write: (line) => void lines.push(line) });
    const say = (direction: 'in' | 'out', message: object): void =>
      hear(direction, Buffer.from(JSON.stringify(message)));
    say('out', { id: 1, method: 'tools/call', params: { name: 'add' } });
    // The server asks under the same id: each side counts its own.
    say('in', { id: 1, method: 'elicitation/create' });
    now = 107;
    say('in', { id: 1, result: { isError: true } });
    say('out', { id: 1, error: { code: -32601 } });
    say('in', { method: 'notifications/message' });
    hear('in', Buffer.from('hello\u001b[2J'));
    expect(lines.map((line) => line.replace(/\d+ B$/, 'B'))).toEqual([
      '→ tools/call add #1  B',
      '← elicitation/create #1  B',
      '← tools/call add #1 isError  7 ms  B',
      '→ elicitation/create #1 error -32601  7 ms  B',
      '← notifications/message  B',
      '← not a JSON object  B',
    ]);
  });

  it('shows the messages when that is wanted, and nothing of them drives the terminal', () => {
    const lines: string[] = [];
    createWireLog({ bodies: true, now: () => 0, write: (line) => void lines.push(line) })(
      'in',
      Buffer.from('a\u001b[2J'),
    );
    expect(lines[1]).toBe('  a\ufffd[2J');
  });
});

describe('why a server did not start', () => {
  it.each([
    [
      'file:///home/me/src/server.ts:12\nconst a = ;\n          ^\n\nSyntaxError: Unexpected token\n    at x (node:internal/x:1:2)\n',
      '/home/me/src/server.ts:12: SyntaxError: Unexpected token',
    ],
    [
      'node:internal/errors:5\nTypeError: bad\n    at f (file:///p/node_modules/z/i.js:1:2)\n    at g (file:///p/src/a%20b.ts:3:4)\n',
      '/p/src/a b.ts:3: TypeError: bad',
    ],
    ['Error: nowhere\n', 'Error: nowhere'],
    ['all is well\n', undefined],
  ])('is one line', (stderr, line) => {
    expect(failureText(stderr)).toBe(line);
  });
});

it.each([
  ['22.17.9', false],
  ['22.18.0', true],
  ['23.5.0', false],
  ['23.6.0', true],
  ['24.0.0', true],
])('Node %s runs TypeScript: %s', (version, does) => {
  expect(runsTypeScript(version)).toBe(does);
});

it.each([
  ['listening on http://localhost:3000', 'http://localhost:3000/mcp'],
  ['{"url":"http://127.0.0.1:40123/mcp"}', 'http://127.0.0.1:40123/mcp'],
  ['(http://0.0.0.0:80/a), or https://[::1]:8443/b', 'http://127.0.0.1/a'],
  ['https://[::]:8443/b.', 'https://[::1]:8443/b'],
  ['http://localhost:3000.', 'http://localhost:3000/mcp'],
  ['http://localhost:3000@example.com/', undefined],
  ['see http://127.0.0.1.example.com/mcp and https://example.com/', undefined],
])('the URL of this machine in “%s”', (line, url) => {
  expect(urlIn(line)).toBe(url);
});

describe('headers on the command line', () => {
  it('have values of the environment in them', () => {
    const env = { TOKEN: 'abc', EVIL: 'a\r\nhost: b', EMPTY: '' };
    expect(headersOf(['Authorization: Bearer ${TOKEN}', 'x-y:z'], env)).toEqual({
      Authorization: 'Bearer abc',
      'x-y': 'z',
    });
    expect(() => headersOf(['Authorization: ${NONE}'], env)).toThrow('$NONE is not set');
    expect(() => headersOf(['Authorization: ${EMPTY}'], env)).toThrow('$EMPTY is not set');
    expect(() => headersOf(['a: ${EVIL}'], env)).toThrow('no value of a header');
    expect(() => headersOf(['a b'], env)).toThrow('NAME: VALUE');
  });
});

interface FakeServer {
  readonly server: DevServer;
  readonly isClosed: () => boolean;
  readonly end: () => void;
}

function fakeServer(): FakeServer {
  let closed = false;
  const ended = Promise.withResolvers<undefined>();
  const server = {
    client: {} as Client,
    ended: ended.promise,
    close: async () => {
      closed = true;
      ended.resolve(undefined);
    },
  };
  return { server, isClosed: () => closed, end: () => ended.resolve(undefined) };
}

describe('the session', () => {
  function open(isAlone: boolean = false): {
    session: DevSession;
    started: FakeServer[];
    events: string[];
    world: { print: string; failing: boolean; hasOnePort: boolean; onStart: () => void };
  } {
    const world = { print: 'a', failing: false, hasOnePort: false, onStart: () => undefined };
    const started: FakeServer[] = [];
    const events: string[] = [];
    const session = new DevSession({
      print: async () => world.print,
      isAlone,
      onInTheWay: () => void events.push('in the way'),
      start: async () => {
        world.onStart();
        if (world.failing) throw new Error('broken');
        if (world.hasOnePort && started.some(({ isClosed }) => !isClosed())) throw new Error('listen EADDRINUSE');
        const fake = fakeServer();
        started.push(fake);
        return fake.server;
      },
      onUp: async (_client, isAgain) => void events.push(isAgain ? 'again' : 'up'),
      onFailed: (_error, isOldOneUp) => void events.push(`failed, ${isOldOneUp ? 'old one up' : 'none up'}`),
      onEnded: () => void events.push('ended'),
    });
    return { session, started, events, world };
  }

  it('starts again when the sources are others, and only then', async () => {
    const { session, started, events, world } = open();
    await session.settle();
    await session.settle();
    world.print = 'b';
    await session.settle();
    expect(events).toEqual(['up', 'again']);
    expect(started.map(({ isClosed }) => isClosed())).toEqual([true, false]);
    expect(session.client).toBe(started[1]!.server.client);
    await session.close();
    expect(started[1]!.isClosed()).toBe(true);
    expect(events).toEqual(['up', 'again']);
  });

  it('keeps the one before when the new one does not start', async () => {
    const { session, started, events, world } = open();
    await session.settle();
    Object.assign(world, { print: 'b', failing: true });
    await session.settle();
    expect(events).toEqual(['up', 'failed, old one up']);
    expect(session.client).toBe(started[0]!.server.client);
    expect(started[0]!.isClosed()).toBe(false);
  });

  it('ends the one before first where both want one port, or two cannot be told apart', async () => {
    const { session, started, events, world } = open();
    world.hasOnePort = true;
    await session.settle();
    world.print = 'b';
    await session.settle();
    expect(events).toEqual(['up', 'in the way', 'again']);
    expect(started.map(({ isClosed }) => isClosed())).toEqual([true, false]);
    const alone = open(true);
    await alone.session.settle();
    Object.assign(alone.world, { print: 'b', failing: true });
    await alone.session.settle();
    expect(alone.events).toEqual(['up', 'failed, none up']);
    expect(alone.started[0]!.isClosed()).toBe(true);
  });

  it('looks again at what was saved while it started', async () => {
    const { session, started, world } = open();
    world.onStart = () => {
      if (world.print !== 'a') return;
      world.print = 'b';
      void session.settle();
    };
    await session.settle();
    expect(started).toHaveLength(2);
  });

  it('says that a server has ended by itself, and starts it again when asked', async () => {
    const { session, started, events } = open();
    await session.settle();
    started[0]!.end();
    await started[0]!.server.ended;
    expect([session.client, started[0]!.isClosed()]).toEqual([undefined, true]);
    await session.restart();
    expect(events).toEqual(['up', 'ended', 'again']);
  });
});

describe('the prompt', () => {
  it('answers what the server asks in the middle of a call by the next line', async () => {
    const out: string[] = [];
    const err: string[] = [];
    const context = {
      stdout: { write: (text: string) => out.push(text) },
      stderr: { write: (text: string) => err.push(text) },
      columns: () => undefined,
    } as unknown as CliContext;
    const answers: FormAnswer[] = [];
    const client = {
      callTool: async () => {
        const ask = { server: 'x', message: 'Sure?', fields: [], problems: [], signal: AbortSignal.abort() };
        const requestedSchema = { type: 'object', properties: { sure: { type: 'boolean' } } };
        answers.push(await prompt.form({ ...ask, requestedSchema }));
        answers.push(await prompt.form({ ...ask, requestedSchema }));
        return { content: [{ type: 'text', text: 'done' }] };
      },
    } as unknown as Client;
    const prompt: DevPrompt = new DevPrompt({ context, client: () => client, restart: async () => undefined });
    await prompt.run(
      (async function* () {
        yield* ['call wipe {"a": 1}', 'tools', 'answer {"sure": true}', 'decline', 'quit', 'tools'];
      })(),
    );
    expect(answers).toEqual([{ action: 'accept', content: { sure: true } }, { action: 'decline' }]);
    expect(out).toEqual(['done\n']);
    expect(err.join('')).toContain('the server waits: `answer …`');
  });

  it('is the model, where the server asks for one', async () => {
    const err: string[] = [];
    const context = { stderr: { write: (text: string) => err.push(text) } } as unknown as CliContext;
    const prompt = new DevPrompt({ context, client: () => undefined, restart: async () => undefined });
    const asked = {
      maxTokens: 9,
      messages: [{ role: 'user' as const, content: { type: 'text', text: 'Which tide?' } }],
    };
    const running = prompt.run(
      (async function* () {
        yield* ['answer', 'answer High tide.', 'decline'];
      })(),
    );
    const first = prompt.sample(asked);
    expect((await first).content).toEqual({ type: 'text', text: 'High tide.' });
    await running;
    await expect(prompt.sample(asked)).rejects.toThrow('declined');
    expect(err.join('')).toContain('user: Which tide?');
  });
});
