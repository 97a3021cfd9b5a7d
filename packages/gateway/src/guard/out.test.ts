import { createSecretKey, randomBytes } from 'node:crypto';
import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import type { GuardSettings } from './finding.ts';
import { createGuardOut } from './out.ts';
import { createOwnSecrets } from './secrets/own.ts';
import { createPlaceholders } from './secrets/placeholders.ts';

const SETTINGS: GuardSettings = {
  arguments: 'off',
  secrets: 'flag',
  injection: 'flag',
  injectionResults: false,
  resultMaxBytes: 1000,
};

const call = {
  exchange: {
    message: { method: 'tools/call' },
    principal: { issuer: 'i', subject: 's', roles: [] },
    onCancel: () => undefined,
  },
  target: { server: 'up', kind: 'tool', canonicalId: 'up__t', original: 't' },
} as unknown as Call;

const result = (bytes: number, cancel: () => void): Answer => ({
  kind: 'result',
  before: Buffer.from('{"jsonrpc":"2.0","id":'),
  after: Buffer.from(',"result":{"content":[]}}'),
  rest: { bytes, pipe: () => undefined, resume: () => undefined, cancel },
});

describe('guard out', () => {
  const out = (settings: Partial<GuardSettings>, own = createOwnSecrets()): ReturnType<typeof createGuardOut> =>
    createGuardOut({
      settings: () => ({ ...SETTINGS, ...settings }),
      own,
      placeholders: createPlaceholders(createSecretKey(randomBytes(32))),
      report: () => undefined,
      textOf: () => Promise.reject(new Error('nothing is gathered here')),
      withFront: () => ({ kind: 'value', result: {} }),
      pause: () => Promise.resolve(),
    });

  it('with nothing switched on passes the very same answer', async () => {
    const answer = result(10, () => undefined);
    expect(await out({ secrets: 'off', injection: 'off' })(call, () => Promise.resolve(answer))).toBe(answer);
  });

  it('OUT-08 gives the rest of an answer up that is too large', async () => {
    let cancelled = 0;
    const answer = result(2000, () => cancelled++);
    await expect(out({})(call, () => Promise.resolve(answer))).rejects.toMatchObject({ key: 'unavailable' });
    expect(cancelled).toBe(1);
  });

  it('OUT-11 passes nothing when it fails itself', async () => {
    let cancelled = 0;
    const own = {
      learn: () => undefined,
      get literals(): never {
        throw new Error('broken');
      },
    };
    const answer = result(10, () => cancelled++);
    await expect(out({}, own)(call, () => Promise.resolve(answer))).rejects.toThrow('broken');
    expect(cancelled).toBe(1);
  });
});
