import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SinkSettings } from '../types.ts';
import { openSinks, type SinkParts, type Sinks } from './index.ts';
import { MAX_QUEUED } from './queue.ts';

const LINE =
  '{"seq":1,"time":"2026-11-21T12:00:00.000Z","type":"authorization","decision":"deny","trace":"0af7651916cd43dd8448eb211c80319c"}';

interface Bench {
  readonly sinks: Sinks;
  readonly logged: { readonly text: string; readonly detail: Readonly<Record<string, unknown>> | undefined }[];
  /** Milliseconds of the timers that are set; firing them takes them away. */
  readonly timers: Map<() => void, number>;
  nowMs: number;
}

function bench(settings: SinkSettings, fetch: SinkParts['fetch'] = () => Promise.reject(new Error('nobody'))): Bench {
  const timers: Bench['timers'] = new Map();
  const logged: Bench['logged'] = [];
  const made = { logged, timers, nowMs: 0 };
  const sinks = openSinks(
    { sinks: [settings] },
    {
      fetch,
      timeout: () => new AbortController().signal,
      outward: (line) => line,
      hostname: 'here',
      pid: 7,
      setTimer: (due, ms) => {
        timers.set(due, ms);
        return () => void timers.delete(due);
      },
      log: (_level, text, detail) => void logged.push({ text, detail }),
      now: () => made.nowMs,
    },
  );
  return Object.assign(made, { sinks });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

function fire(timers: Bench['timers']): void {
  const due = [...timers.keys()];
  timers.clear();
  for (const each of due) each();
}

describe('a webhook', () => {
  const settings: SinkSettings = {
    type: 'webhook',
    url: 'https://hooks.example/in?key=k',
    headers: { authorization: 'Bearer s' },
  };

  it('gets the records with its headers, and redirects are not followed', async () => {
    const asked: [string, RequestInit][] = [];
    const { sinks } = bench(settings, async (url, init) => {
      asked.push([url, init]);
      return new Response();
    });
    sinks.take([{ line: LINE }, { line: LINE }]);
    await until(() => asked.length === 1);
    const [[url, init] = ['', {}]] = asked;
    expect(url).toBe('https://hooks.example/in?key=k');
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual', headers: { authorization: 'Bearer s' } });
    expect(JSON.parse(init.body as string)).toEqual({ records: [JSON.parse(LINE), JSON.parse(LINE)] });
    await sinks.close();
  });

  it('AUD-07 that is away is tried again, later each time, and gets everything in order', async () => {
    let isUp = false;
    const got: number[] = [];
    const made = bench(settings, async (_url, init) => {
      if (!isUp) throw new Error('ECONNREFUSED');
      got.push(...(JSON.parse(init.body as string) as { records: { seq: number }[] }).records.map(({ seq }) => seq));
      return new Response();
    });
    const { logged, sinks, timers } = made;
    const waits: number[] = [];
    for (let at = 0; at < 8; at++) {
      sinks.take([{ line: LINE.replace('"seq":1', `"seq":${at}`) }]);
      await until(() => timers.size === 1);
      waits.push(...timers.values());
      if (at < 7) fire(timers);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(sinks.notes()).toEqual([expect.stringContaining('webhook https://hooks.example does not take records')]);
    expect(sinks.notes().join()).not.toMatch(/key=k|\/in/);
    isUp = true;
    fire(timers);
    await until(() => got.length === 8);
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await until(() => sinks.notes().length === 0);
    // Once that it is away, once that it is back.
    expect(logged).toHaveLength(2);
    await sinks.close();
  });

  it('AUD-07 that hangs holds nobody up, and what does not fit is dropped and counted', async () => {
    const { logged, sinks, timers } = bench(settings, () => new Promise(() => undefined));
    sinks.take([{ line: LINE }]);
    sinks.take(Array.from({ length: MAX_QUEUED + 5 }, () => ({ line: LINE })));
    expect(sinks.notes()).toEqual([expect.stringContaining('5 records were dropped')]);
    expect(logged).toHaveLength(1);
    const closed = sinks.close();
    fire(timers);
    await closed;
    expect(logged.at(-1)?.detail).toMatchObject({ dropped: MAX_QUEUED + 5 });
  });

  it('that will never take a batch does not hold up the next', async () => {
    const statuses = [400, 200];
    const { sinks } = bench(settings, async () => new Response(null, { status: statuses.shift() ?? 200 }));
    sinks.take([{ line: LINE }]);
    await until(() => sinks.notes().length === 1);
    expect(sinks.notes()[0]).toContain('answered 400');
    sinks.take([{ line: LINE }]);
    await until(() => statuses.length === 0);
    await until(() => sinks.notes()[0]?.includes('answered') === false);
    expect(sinks.notes()).toEqual([expect.stringContaining('1 records were dropped')]);
    await sinks.close();
  });
});

describe('OTLP', () => {
  it('is what a collector understands', async () => {
    const bodies: unknown[] = [];
    const { sinks } = bench({ type: 'otlp', url: 'http://127.0.0.1:4318/v1/logs', headers: {} }, async (_url, init) => {
      bodies.push(JSON.parse(init.body as string));
      return new Response('{}');
    });
    sinks.take([{ line: LINE }]);
    await until(() => bodies.length === 1);
    expect(bodies[0]).toMatchObject({
      resourceLogs: [
        {
          resource: {
            attributes: [{ key: 'service.name', value: { stringValue: 'sallyport' } }, { key: 'host.name' }],
          },
          scopeLogs: [
            {
              scope: { name: 'sallyport.audit' },
              logRecords: [
                {
                  timeUnixNano: '1795262400000000000',
                  severityText: 'WARN',
                  body: { stringValue: LINE },
                  traceId: '0af7651916cd43dd8448eb211c80319c',
                },
              ],
            },
          ],
        },
      ],
    });
    await sinks.close();
  });
});

describe('syslog', () => {
  const MESSAGE = `<108>1 2026-11-21T12:00:00.000Z here sallyport 7 authorization - ${LINE}`;

  it('over UDP is a message in a datagram', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const { sinks } = bench({ type: 'syslog', address: `udp://127.0.0.1:${port}`, facility: 13 });
    const got = once(server, 'message');
    sinks.take([{ line: LINE }]);
    expect(String((await got)[0])).toBe(MESSAGE);
    await sinks.close();
    server.close();
  });

  it.each(['tcp', 'unix'])('over %s is counted by octets, and connects again', async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-syslog-'));
    const sockets: Socket[] = [];
    let text = '';
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('data', (chunk) => (text += String(chunk)));
    });
    server.listen(kind === 'unix' ? { path: join(folder, 's') } : { port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const address =
      kind === 'unix' ? `unix:${join(folder, 's')}` : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { sinks, timers } = bench({ type: 'syslog', address, facility: 13 });
    sinks.take([{ line: LINE }]);
    const framed = `${MESSAGE.length} ${MESSAGE}`;
    await until(() => text === framed);
    const ended = once(sockets[0] as Socket, 'close');
    sockets[0]?.destroy();
    await ended;
    await until(() => {
      sinks.take([{ line: LINE }]);
      fire(timers);
      return sockets.length === 2;
    });
    await until(() => text.length > framed.length);
    expect(text.startsWith(framed + framed)).toBe(true);
    await sinks.close();
    server.close();
    await rm(folder, { recursive: true });
  });
});

describe('a file', () => {
  it('gets the lines, for us alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-sink-'));
    const path = join(folder, 'copy.jsonl');
    const { sinks } = bench({ type: 'file', path });
    sinks.take([{ line: LINE }, { line: LINE }]);
    await sinks.close();
    expect(await readFile(path, 'utf8')).toBe(`${LINE}\n${LINE}\n`);
    await rm(folder, { recursive: true });
  });
});
