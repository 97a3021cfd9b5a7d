import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { failure, manualTimers } from '../testing/calls.ts';
import { createSocketServers, greeter, type SocketServer } from '../testing/socket-servers.ts';
import { LOGIN, testAuthorization, type TestAuthorization } from '../testing/tokens.ts';
import { testUpstream, type TestUpstream } from '../testing/upstreams.ts';
import { dialAuthorized } from './authorized.ts';

const servers = createSocketServers();
afterEach(() => servers.end());

type VerifyDone = (isGood: boolean, status?: number, text?: string, headers?: Record<string, string>) => void;

/** Upgrades for one token. */
function serve(token: string, status: 401 | 403 = 401, challenge = 'Bearer scope="a"'): Promise<SocketServer> {
  return servers.serve({
    onMessage: greeter('session'),
    socketOptions: {
      verifyClient: ({ req }: { req: IncomingMessage }, done: VerifyDone) =>
        done(req.headers.authorization === `Bearer ${token}`, status, 'No', { 'www-authenticate': challenge }),
    },
  });
}

function to({ port }: SocketServer, authorization: TestAuthorization): TestUpstream {
  const url = new URL(`ws://127.0.0.1:${port}/mcp?key=hidden`);
  const opened = testUpstream({ kind: 'ws', url, headers: {} }, { authorization });
  servers.onEnd(() => opened.upstream.close());
  return opened;
}

const sentTo = ({ upgrades }: SocketServer): unknown[] => upgrades.all.map(({ headers }) => headers.authorization);

describe('a WebSocket server that wants a token', () => {
  it('gets it with the upgrade, and another one when it refuses', async () => {
    const server = await serve('two');
    const authorization = testAuthorization({ current: 'one' });
    authorization.answer = () => {
      authorization.current = 'two';
      return 'retry';
    };
    await to(server, authorization).upstream.leg('session');
    expect(sentTo(server)).toEqual(['Bearer one', 'Bearer two']);
    expect(authorization.refusals.all).toEqual([{ status: 401, wwwAuthenticate: 'Bearer scope="a"', sent: 'one' }]);
  });

  it('is told whose login is needed, and is tried again at once after it', async () => {
    const server = await serve('one');
    const authorization = testAuthorization();
    const { upstream } = to(server, authorization);
    const error = await failure(upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'unauthorized', status: 401, login: LOGIN.login });
    expect(error.message).not.toContain('hidden');
    authorization.current = 'one';
    await upstream.leg('session');
    expect(sentTo(server)).toEqual([undefined, 'Bearer one']);
  });

  it('is asked three times more at most', async () => {
    const server = await serve('none', 403, 'Bearer error="insufficient_scope"');
    const error = await failure(to(server, testAuthorization({ answer: () => 'retry' })).upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'unauthorized', status: 403, login: undefined });
    expect(sentTo(server)).toHaveLength(4);
  });

  it('is not challenged where it forbids, and fails when there is no token', async () => {
    const authorization = testAuthorization({ current: 'one' });
    const error = await failure(to(await serve('none', 403, 'Bearer'), authorization).upstream.leg('session'));
    expect(error).toMatchObject({ reason: 'unauthorized', status: 403, login: undefined });
    expect(authorization.refusals.all).toEqual([]);
    const late = testAuthorization({ token: () => Promise.reject(new Error('It cannot be renewed.')) });
    const none = await failure(to(await serve('one'), late).upstream.leg('session'));
    expect(none.message).toContain('It cannot be renewed.');
  });

  it.each(['time', 'a closed gateway'])('is left when %s ends the wait for a token', async (what) => {
    const server = await serve('one');
    const timers = manualTimers();
    const authorization = testAuthorization({ answer: () => new Promise(() => undefined) });
    const ending = new AbortController();
    const dialing = dialAuthorized(authorization, {
      url: new URL(`ws://127.0.0.1:${server.port}/mcp`),
      headers: {},
      env: {},
      timeoutMs: 77,
      maxMessageBytes: 1000,
      setTimer: timers.setTimer,
      signal: ending.signal,
    });
    await authorization.refusals.next();
    if (what === 'time') for (const timer of timers.set.all) timer.fire();
    else ending.abort();
    const error = await failure(dialing);
    expect(error.reason).toBe('down');
    expect(error.message).toContain(what === 'time' ? 'within 77 ms' : 'not wanted any more');
  });
});
