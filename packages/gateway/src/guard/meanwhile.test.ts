import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { createMeanwhile, type Meanwhile } from './meanwhile.ts';
import { createOwnSecrets } from './secrets/own.ts';
import { createPlaceholders } from './secrets/placeholders.ts';

const CANARY = randomBytes(16).toString('hex');
/** Put together here, so that no scanner takes this file for a leak. */
const TOKEN = ['ghp', randomBytes(18).toString('hex')].join('_');

const call = {
  exchange: { principal: { issuer: 'i', subject: 's', roles: [] } },
  target: { server: 'up', kind: 'tool', canonicalId: 'up__t', original: 't' },
} as unknown as Call;

function open(secrets: GuardSettings['secrets']): Meanwhile & { readonly told: string[] } {
  const told: string[] = [];
  const tell = ({ action, kinds, where }: Finding): number => told.push(`${where} ${kinds.join(' ')} ${action}`);
  const own = createOwnSecrets();
  own.hold('master key', [CANARY]);
  const settings = { arguments: 'off', secrets, injection: 'off', injectionResults: false, resultMaxBytes: 1 } as const;
  const placeholders = createPlaceholders(createSecretKey(randomBytes(32)));
  return { ...createMeanwhile({ settings: () => settings, own, placeholders, report: tell, found: tell }), told };
}

describe('what is said and asked during a call', () => {
  const own = { progressToken: 1, message: `at ${Buffer.from(CANARY).toString('base64')}` };
  const foreign = { level: 'info', data: { deep: [`token=${TOKEN}`] } };

  it.each(['flag', 'redact', 'block'] as const)(
    'P1-22 never has a credential of the gateway, neither way, nor in news, with `secrets: %s`',
    (secrets) => {
      const { mayTell, replied, said, told } = open(secrets);
      expect([said(call, own), replied(call, own), mayTell('up', own)]).toEqual([undefined, undefined, false]);
      expect(told).toEqual(['message sallyport block', 'reply sallyport block', 'message sallyport block']);
      expect([said(call, { a: 1 }), replied(call, { a: 1 }), mayTell('up', undefined)]).toEqual([
        { a: 1 },
        { a: 1 },
        true,
      ]);
    },
  );

  it('has secrets of others as they are, or placeholders for them, or is kept back', () => {
    const flag = open('flag');
    expect([flag.said(call, foreign), flag.replied(call, foreign), flag.mayTell('up', foreign)]).toEqual([
      foreign,
      foreign,
      true,
    ]);
    const block = open('block');
    expect([block.said(call, foreign), block.replied(call, foreign), block.mayTell('up', foreign)]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    const redact = open('redact');
    const shown = redact.said(call, foreign);
    expect(JSON.stringify(shown)).toMatch(/token=\[sallyport-secret:github:/);
    expect(redact.replied(call, shown ?? {})).toEqual(foreign);
    expect(redact.replied(call, { a: `[sallyport-secret:github:${'x'.repeat(22)}]` })).toBeUndefined();
    expect(redact.mayTell('up', foreign)).toBe(false);
  });

  it('is not looked at where that is off', () => {
    const { replied, said, told } = open('off');
    expect([said(call, own), replied(call, own), told]).toEqual([own, own, []]);
  });
});
