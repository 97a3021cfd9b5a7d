/** The schema of `privacy`: what the trail, its copies and the log say of people. What is made of it is in docs/PRIVACY.md. */
import * as v from 'valibot';
import { oneOf } from './scalars.ts';
import { object, preset } from './schema-parts.ts';
import type { PrivacyConfig } from './types.ts';

/** From the one that says most. */
export const IDENTITIES: readonly PrivacyConfig['identities'][] = ['plain', 'pseudonym'];
/** From the one that says most. */
export const ADDRESSES: readonly PrivacyConfig['addresses'][] = ['full', 'truncated', 'none'];

export const privacySchema: v.GenericSchema<unknown, PrivacyConfig> = preset(
  object({
    identities: preset(
      oneOf(...IDENTITIES),
      'plain',
      'plain = names are shown; pseudonym = log, audit and sinks carry a pseudonym that only this state resolves.',
    ),
    addresses: preset(
      oneOf(...ADDRESSES),
      'full',
      'Of clients: full; truncated = the network alone (IPv4 /24, IPv6 /48); none = they are not written.',
    ),
  }),
  {},
  'What is written about people.',
);

/** Where nobody has written a configuration. */
export function defaultPrivacy(): PrivacyConfig {
  return v.parse(privacySchema, {});
}
