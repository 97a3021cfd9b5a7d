import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';
import { defaultPrivacy, privacySchema } from './schema-privacy.ts';
import { configSchema } from './schema.ts';
import type { Config, PrivacyConfig } from './types.ts';

describe('privacy', () => {
  it('says all there is to say, unless something else is written', () => {
    expect(defaultPrivacy()).toEqual({ identities: 'plain', addresses: 'full' });
    expect(v.safeParse(privacySchema, { identities: 'hidden' }).success).toBe(false);
    expect(v.safeParse(privacySchema, { addresses: 'half' }).success).toBe(false);
  });
});

describe('a reload', () => {
  const configOf = (privacy: Partial<PrivacyConfig>): Config => {
    const entry = v.parse(configSchema, {});
    return { ...entry, servers: [], secretFiles: [], privacy: { ...entry.privacy, ...privacy } };
  };

  it.each<[Partial<PrivacyConfig>, Partial<PrivacyConfig>, string]>([
    [{ identities: 'pseudonym' }, { identities: 'plain' }, 'privacy.identities'],
    [{ addresses: 'none' }, { addresses: 'truncated' }, 'privacy.addresses'],
    [{ addresses: 'truncated' }, { addresses: 'full' }, 'privacy.addresses'],
  ])('from %j to %j says more about people: it opens', (was, is, key) => {
    expect(changesBetween(configOf(was), configOf(is)).opening).toEqual([key]);
    expect(changesBetween(configOf(is), configOf(was))).toMatchObject({ opening: [], needRestart: [key] });
  });
});
