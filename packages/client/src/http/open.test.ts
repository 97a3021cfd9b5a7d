import { afterEach, describe, expect, it } from 'vitest';
import { failure } from '../testing/calls.ts';
import {
  bad,
  bench,
  createHttpServers,
  isMethod,
  json,
  ok,
  type Handle,
  type TestServer,
} from '../testing/http-servers.ts';
import { openHttpSession, probeHttp } from './open.ts';

const servers = createHttpServers();
const { kept, serve } = servers;
afterEach(() => servers.end());

describe('finding the era', () => {
  const both = async (discovered: Handle, initialized?: Handle): Promise<TestServer> =>
    serve((request, response) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      if (request.message['method'] === 'server/discover') return discovered(request, response);
      if (request.message['method'] === 'initialize' && initialized !== undefined)
        return initialized(request, response);
      return response.writeHead(202).end();
    });
  const begins: Handle = ({ message }, response) =>
    json(response, ok(message['id'], { protocolVersion: '2025-11-25' }));
  const discovers =
    (...versions: string[]): Handle =>
    ({ message }, response) =>
      json(response, ok(message['id'], { supportedVersions: versions, capabilities: {} }));

  it.each([
    ['a discovery', 'stateless', discovers('2026-07-28'), 'stateless', ['stateless']],
    ['a discovery, and it begins sessions', 'session', discovers('2026-07-28'), 'session', ['stateless', 'session']],
    [
      'a discovery that names both',
      'stateless',
      discovers('2025-11-25', '2026-07-28'),
      'stateless',
      ['stateless', 'session'],
    ],
    ['a discovery of sessions alone', 'stateless', discovers('2025-11-25'), 'session', ['session']],
    [
      'an unknown method',
      'stateless',
      ({ message }, r) => json(r, bad(message['id'], -32601, 'no')),
      'session',
      ['session'],
    ],
    [
      '400 without a session',
      'stateless',
      (_q, r) => json(r, bad(null, -32000, 'No session'), 400),
      'session',
      ['session'],
    ],
    ['404 without JSON', 'stateless', (_q, r) => r.writeHead(404).end('no'), 'session', ['session']],
    ['202', 'stateless', (_q, r) => r.writeHead(202).end(), 'session', ['session']],
    [
      'an offer of sessions',
      'stateless',
      ({ message }, r) => json(r, bad(message['id'], -32022, 'no', { supported: ['2025-11-25'] }), 400),
      'session',
      ['session'],
    ],
  ] as ReadonlyArray<readonly [string, 'session' | 'stateless', Handle, string, readonly string[]]>)(
    'by %s (preferred: %s)',
    async (_name, preferred, discovered, era, eras) => {
      const server = await both(discovered, begins);
      const probe = await probeHttp(bench(server.url).options, preferred);
      kept(probe.leg);
      expect([probe.leg.era, probe.eras]).toEqual([era, eras]);
    },
  );

  it('stays with the stateless era when there are no sessions', async () => {
    const server = await both(discovers('2026-07-28'), ({ message }, response) =>
      json(response, bad(message['id'], -32601, 'no'), 404),
    );
    const probe = await probeHttp(bench(server.url).options, 'session');
    kept(probe.leg);
    expect([probe.leg.era, probe.eras]).toEqual(['stateless', ['stateless']]);
  });

  it('asks once more with a version that the server offers', async () => {
    let asked = 0;
    const server = await both((request, response) => {
      if (asked++ === 0) json(response, bad(request.message['id'], -32022, 'no', { supported: ['2026-07-28'] }), 400);
      else discovers('2026-07-28')(request, response);
    });
    const probe = await probeHttp(bench(server.url).options, 'stateless');
    kept(probe.leg);
    expect(probe.leg.era).toBe('stateless');
    expect(server.received.all.filter(isMethod('server/discover'))).toHaveLength(2);
  });

  it.each([
    ['500', 'down', (_q, r) => r.writeHead(500).end()],
    ['500 with an error', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32603, 'no'), 500)],
    ['401', 'unauthorized', (_q, r) => r.writeHead(401).end()],
    ['401 with an error', 'unauthorized', ({ message }, r) => json(r, bad(message['id'], -32600, 'no'), 401)],
    ['429', 'down', (_q, r) => r.writeHead(429).end()],
    ['a redirect', 'protocol', (_q, r) => r.writeHead(301, { location: '/x' }).end()],
    ['a reset', 'down', (_q, r) => r.socket?.resetAndDestroy()],
    ['silence', 'timeout', () => undefined],
    ['a header mismatch', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32020, 'no'), 400)],
    ['a missing capability', 'protocol', ({ message }, r) => json(r, bad(message['id'], -32021, 'no'), 400)],
    [
      'an offer that is not known',
      'protocol',
      ({ message }, r) => json(r, bad(message['id'], -32022, 'no', { supported: ['2031-01-01'] }), 400),
    ],
  ] as ReadonlyArray<readonly [string, string, Handle]>)(
    'begins no session after %s',
    async (_name, reason, discovered) => {
      const server = await both(discovered, begins);
      const { options } = bench(server.url, { connectTimeoutMs: reason === 'timeout' ? 150 : 5000 });
      const error = await failure(probeHttp(options, 'session'));
      expect(error.reason).toBe(reason);
      expect(server.received.all.filter(isMethod('initialize'))).toEqual([]);
    },
  );

  it('refuses a revision that is not known, and a session id that is no header text', async () => {
    const strange = await both(begins, ({ message }, response) =>
      json(response, ok(message['id'], { protocolVersion: '1999-01-01' })),
    );
    expect((await failure(openHttpSession(bench(strange.url).options))).message).toContain('1999-01-01');
    const long = await both(begins, ({ message }, response) =>
      json(response, ok(message['id'], { protocolVersion: '2025-11-25' }), 200, { 'mcp-session-id': 'x'.repeat(2000) }),
    );
    expect((await failure(openHttpSession(bench(long.url).options))).reason).toBe('protocol');
  });
});
