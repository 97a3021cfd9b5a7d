/**
 * The schema of `alerts`: who is told when something happens, of what, and how often. What each event means is in
 * docs/ALERTS.md.
 */
import * as v from 'valibot';
import { facilityNamed, syslogAddress, syslogFacility } from './schema-audit.ts';
import { duration, integer, oneOf } from './scalars.ts';
import { maybe, object, present, preset } from './schema-parts.ts';
import { headersSchema } from './schema-headers.ts';
import { secret, secureUrl } from './schema-values.ts';
import type { AlertConfig, AlertDestination, AlertEvent } from './types.ts';

/** What is wrong, and told unless the list is written. */
const faults = [
  'failed_authentication',
  'pins',
  'guard',
  'sandbox',
  'breaker',
  'quota',
  'audit_gap',
  'lockdown',
] as const satisfies readonly AlertEvent[];

/** Everything that can be told. */
const alertEvents: readonly AlertEvent[] = [...faults, 'configuration_change', 'admin_actions'];

const to = v.pipe(
  object(
    {
      type: oneOf('webhook', 'syslog', 'log'),
      url: maybe(secureUrl(), 'Of a webhook.'),
      headers: preset(headersSchema, {}, 'Sent there and to no other origin.'),
      secret: maybe(
        secret('a secret of at least 16 characters', (value) => value.length >= 16),
        'Signs what a webhook gets (HMAC-SHA256).',
      ),
      address: maybe(syslogAddress, 'Of a syslog server: udp://, tcp:// or unix:.'),
      facility: preset(syslogFacility, 'audit', 'Of syslog (RFC 5424).'),
    },
    'an object with a `type`',
  ),
  v.rawTransform(({ dataset, addIssue, NEVER }): AlertDestination => {
    const { address, facility, headers, secret: key, type, url } = dataset.value;
    const wanted = { webhook: 'url', syslog: 'address', log: undefined }[type];
    const written = Object.entries({ url, address }).filter(([, value]) => value !== undefined);
    const isSigned = key !== undefined || Object.keys(headers).length > 0;
    if (written.length > 1 || written[0]?.[0] !== wanted || (isSigned && type !== 'webhook')) {
      const place = wanted === undefined ? 'nothing' : `\`${wanted}\``;
      addIssue({ message: `expected ${place} beside \`type: ${type}\`, and nothing of another type` });
      return NEVER;
    }
    if (url !== undefined) return present({ type: 'webhook', url, headers, secret: key });
    return address === undefined ? { type: 'log' } : { type: 'syslog', address, facility: facilityNamed(facility) };
  }),
);

const alert = v.pipe(
  object({
    on: preset(
      v.pipe(
        v.array(oneOf(...alertEvents), 'expected a list of events'),
        v.minLength(1, 'expected at least one event, such as failed_authentication'),
      ),
      [...faults],
      'What is told: everything that is wrong, unless it is written.',
    ),
    threshold: preset(
      integer(1),
      20,
      'So many failed authentications of an address within `window` are told; five times as many in all.',
    ),
    window: preset(duration(1000), '1m', 'The time in which they are counted.'),
    quiet: preset(duration(1000), '1h', 'Of the same again so long nothing is told, and then how many there were.'),
    to: v.pipe(to, v.description('Where it goes.')),
  }),
  v.transform(({ window, quiet, ...rest }): AlertConfig => ({ ...rest, windowMs: window, quietMs: quiet })),
);

/** More than anybody reads; each has a table of its own. */
const MAX_ALERTS = 16;

export const alertsSchema: v.GenericSchema<unknown, readonly AlertConfig[]> = preset(
  v.pipe(v.array(alert, 'expected a list of alerts'), v.maxLength(MAX_ALERTS, `expected at most ${MAX_ALERTS} alerts`)),
  [],
  'Who is told when something happens.',
);
