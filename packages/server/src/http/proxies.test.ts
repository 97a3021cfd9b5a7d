import { wireError } from '@sallyport/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { Authenticate } from '../auth/authenticate.ts';
import { createFailureLimit } from '../auth/failures.ts';
import { hello, openDoor, stateless, type DoorOptions, type TestDoor } from '../testing/door.ts';

const doors: TestDoor[] = [];

async function door(options: DoorOptions): Promise<TestDoor> {
  const opened = await openDoor({ connections: {}, ...options });
  doors.push(opened);
  return opened;
}

afterEach(async () => {
  for (const opened of doors.splice(0)) await opened.close();
});

const LOOPBACK = ['127.0.0.0/8'];
const FORWARDED = { 'x-forwarded-for': '6.6.6.6, 198.51.100.1' };
const [BODY, HEADERS] = stateless(1, 'x');

describe("a client's address", () => {
  it.each([
    ['a trusted proxy', LOOPBACK, '198.51.100.1'],
    ['a proxy that is not trusted', ['10.0.0.1'], '127.0.0.1'],
    ['no proxy', [], '127.0.0.1'],
  ])('behind %s is known over every transport', async (_name, trustProxy, address) => {
    const opened = await door({ trustProxy });
    await opened.post(BODY, { ...HEADERS, ...FORWARDED });
    const session = await opened.initialize();
    await opened.post('{"jsonrpc":"2.0","id":1,"method":"x"}', {
      ...FORWARDED,
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
    });
    const [socket, stream] = [await opened.connect(), await opened.connect()];
    socket.request('GET', '/mcp', {
      ...FORWARDED,
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    });
    await socket.head();
    const frame = Buffer.alloc(8);
    frame.writeUInt16BE(0x81_fe);
    frame.writeUInt16BE(BODY.length, 2);
    socket.socket.write(Buffer.concat([frame, Buffer.from(BODY)]));
    stream.request('GET', '/sse', FORWARDED);
    const [begun] = await stream.untilEvents(1);
    const messages = { 'content-type': 'application/json' };
    await opened.request('POST', begun?.data ?? '', messages, hello('2024-11-05'));
    await opened.request('POST', begun?.data ?? '', messages, '{"jsonrpc":"2.0","id":2,"method":"x"}');
    await expect.poll(() => opened.calls.length).toBe(4);
    expect(opened.calls.map(({ address: seen, era, transport }) => `${transport} ${era} ${seen}`).toSorted()).toEqual([
      `http session ${address}`,
      `http stateless ${address}`,
      `sse session ${address}`,
      `ws stateless ${address}`,
    ]);
    for (const client of [socket, stream]) client.destroy();
  });

  it('is told to public routes', async () => {
    const opened = await door({ trustProxy: LOOPBACK });
    const headers = { forwarded: 'for="[2001:db8::1]:80";proto=https' };
    const client = await opened.connect();
    client.request('GET', '/whoami', headers);
    const text = await client.until((received) => /\{.*\}/.exec(received)?.[0]);
    expect(JSON.parse(text)).toEqual({ address: '2001:db8::1', secure: true });
    client.destroy();
  });

  it('is what failures to log in are counted by', async () => {
    const failures = createFailureLimit(2, () => 0);
    const authenticate: Authenticate = ({ address }) => ({
      error: wireError(failures.failed(address) > 0 ? 'rate_limited' : 'unauthenticated'),
      headers: {},
    });
    const opened = await door({ authenticate, trustProxy: LOOPBACK });
    const statuses: number[] = [];
    for (const last of ['1', '1', '1', '2']) {
      const headers = { ...HEADERS, 'x-forwarded-for': `203.0.113.${statuses.length}, 198.51.100.${last}` };
      statuses.push((await opened.post(BODY, headers)).status);
    }
    expect(statuses).toEqual([401, 401, 429, 401]);
  });
});

describe('the cap of connections of an address', () => {
  it.each([
    ['does not hold for a trusted proxy', LOOPBACK, 200],
    ['holds for everybody else', ['10.0.0.1'], 429],
  ])('%s', async (_name, trustProxy, status) => {
    const opened = await door({ trustProxy, limits: { connectionsPerAddress: 1 } });
    const first = await opened.connect();
    expect((await opened.post(BODY, { ...HEADERS, ...FORWARDED })).status).toBe(status);
    first.destroy();
  });
});
