import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { openAlertedTrail, SIGNATURE_HEADER, type AlertedOptions } from './alerts-state.ts';
import type { Audit } from '../audit/index.ts';
import type { Call } from '../call.ts';
import { createOutbound } from './outbound.ts';

const secret = 'signs what is told';
const rule = { threshold: 2, windowMs: 60_000, quietMs: 3_600_000 };

/** Without a trail: alerts go all the same. */
async function open(alerts: object[], log: AlertedOptions['log'] = () => undefined): Promise<Audit> {
  return await openAlertedTrail({
    config: { audit: { enabled: false }, store: 'memory', privacy: { identities: 'plain', addresses: 'full' }, alerts },
    stateDirectory: undefined,
    master: createSecretKey(randomBytes(32)),
    redactor: undefined,
    people: { shown: () => 'ann', address: (address: string) => address },
    fetch: createOutbound({}),
    facts: {},
    version: '1.2.3',
    log,
    now: () => 1_000_000,
  } as unknown as AlertedOptions);
}

describe('alerts of a gateway', () => {
  it('arrive at a webhook, one each, with its headers and a signature, and before the end', async () => {
    const got: { readonly body: string; readonly headers: NodeJS.Dict<string | string[]> }[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        got.push({ body, headers: request.headers });
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    const to = { type: 'webhook', url, headers: { 'x-team': 'ops' }, secret };
    const audit = await open([{ ...rule, on: ['breaker', 'lockdown'], to }]);
    audit.record({ type: 'server_access', action: 'server.break', decision: 'error', server: 'files' });
    audit.record({ type: 'admin_actions', action: 'lockdown', decision: 'allow' });
    await audit.close();
    expect(got.map(({ body }) => (JSON.parse(body) as { event: string }).event)).toEqual(['breaker', 'lockdown']);
    for (const { body, headers } of got) {
      const v1 = createHmac('sha256', secret).update(`1000.${body}`).digest('hex');
      expect(headers).toMatchObject({ 'x-team': 'ops', [SIGNATURE_HEADER]: `t=1000,v1=${v1}` });
    }
    server.close();
  });

  it('stand in the log where that is their place, and tell of a quota that is used up', async () => {
    const logged: [string, string, unknown][] = [];
    const audit = await open([{ ...rule, on: ['quota'], to: { type: 'log' } }], (level, line, detail) => {
      if (line.startsWith('alert')) logged.push([level, line, detail]);
    });
    const call = { failure: 'rate_limited', exchange: { principal: { issuer: 'local', subject: 'ann' } } };
    const answer = (limit: string): Answer => ({
      kind: 'error',
      status: 429,
      error: { code: -31004, message: '', data: { limit } },
    });
    expect(audit.ended(call as unknown as Call, answer('rate.perPrincipal'), 1)).toBeUndefined();
    expect(logged).toEqual([]);
    void audit.ended(call as unknown as Call, answer('quota.day'), 1);
    void audit.ended(call as unknown as Call, answer('quota.day'), 1);
    expect(logged).toEqual([
      ['warn', expect.stringContaining('A client has used up its quota'), expect.objectContaining({ event: 'quota' })],
    ]);
    await audit.close();
  });

  it('arrive at syslog as warnings', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const to = { type: 'syslog', address: `udp://127.0.0.1:${server.address().port}`, facility: 13 };
    const audit = await open([{ ...rule, on: ['breaker'], to }]);
    const got = once(server, 'message');
    audit.record({ type: 'server_access', action: 'server.break', decision: 'error', server: 'files' });
    expect(String((await got)[0])).toMatch(/^<108>1 \S+ \S+ sallyport \d+ alert - \{.*"event":"breaker"/);
    await audit.close();
    server.close();
  });

  it('are nothing where nobody is told', async () => {
    const [one, other] = [await open([]), await open([])];
    expect(one).toBe(other);
  });
});
