/**
 * The schema of `audit`: whether and how long the trail is kept, what stands in it, where copies go. What the room makes of
 * it is in docs/AUDIT.md.
 */
import * as v from 'valibot';
import { flag, oneOf, period, text } from './scalars.ts';
import { map, maybe, object, present, preset } from './schema-parts.ts';
import { secureUrl } from './schema-values.ts';
import type { AuditConfig, AuditSink } from './types.ts';

const auditEvents = [
  'authentication',
  'authorization',
  'configuration_change',
  'server_access',
  'admin_actions',
] as const;

/** RFC 5424 §6.2.1, by the names that syslog gives them. */
const facilities = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  cron: 9,
  authpriv: 10,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

type FacilityName = keyof typeof facilities;

const facilityNames = Object.keys(facilities) as FacilityName[];

/** One of them. */
export const syslogFacility: v.GenericSchema<FacilityName, FacilityName> = oneOf(...facilityNames);

export function facilityNamed(name: FacilityName): number {
  return facilities[name];
}

const addressText = 'expected an address such as udp://host:514, tcp://host:601 or unix:/run/log.sock';

/** Of a syslog server. */
export const syslogAddress: v.GenericSchema<string, string> = v.pipe(
  v.string(addressText),
  v.check((value) => isSyslogAddress(value), addressText),
);

function isSyslogAddress(value: string): boolean {
  const url = URL.canParse(value) && !value.includes('${') ? new URL(value) : undefined;
  if (url?.protocol === 'unix:') return url.host === '' && url.pathname.startsWith('/');
  return (url?.protocol === 'udp:' || url?.protocol === 'tcp:') && url.hostname !== '' && url.port !== '';
}

const headers = preset(map(v.string(), v.string('expected text'), 'header names, each with a text'), {});

const sink = v.pipe(
  object(
    {
      type: oneOf('file', 'syslog', 'otlp', 'webhook'),
      path: maybe(text(), 'Of a file.'),
      address: maybe(syslogAddress, 'Of a syslog server: udp://, tcp:// or unix:.'),
      facility: preset(syslogFacility, 'audit', 'Of syslog (RFC 5424).'),
      url: maybe(secureUrl(), 'Of a webhook, or of a collector of OpenTelemetry: the whole URL, ending in /v1/logs.'),
      headers,
    },
    'an object with a `type`',
  ),
  v.rawTransform(({ dataset, addIssue, NEVER }): AuditSink => {
    const { address: server, facility, headers: sent, path, type, url } = dataset.value;
    const wanted = ({ file: 'path', syslog: 'address', otlp: 'url', webhook: 'url' } as const)[type];
    const written = Object.entries({ path, address: server, url }).filter(([, value]) => value !== undefined);
    if (written.length !== 1 || written[0]?.[0] !== wanted) {
      addIssue({ message: `expected \`${wanted}\` beside \`type: ${type}\`, and no other place` });
      return NEVER;
    }
    const place = written[0][1] as string;
    if (type === 'file') return { type, path: place };
    if (type === 'syslog') return { type, address: place, facility: facilityNamed(facility) };
    return { type, url: place, headers: sent };
  }),
);

/** Names of facilities, for showing what is in force. */
export function facilityName(code: number): string {
  return facilityNames.find((name) => facilities[name] === code) ?? String(code);
}

export const auditSchema: v.GenericSchema<unknown, AuditConfig> = preset(
  v.pipe(
    object({
      enabled: preset(flag(), true, 'Keep an audit trail; it needs a state directory.'),
      file: maybe(text(), 'A copy of every record goes to this file.'),
      retention: preset(period(86_400_000), '365d', 'Records that are older are removed.'),
      durability: preset(
        oneOf('batch', 'strict'),
        'batch',
        'batch = on the disk within a second; strict = no answer leaves before its record is on the disk.',
      ),
      events: preset(v.array(oneOf(...auditEvents)), [...auditEvents], 'What is recorded.'),
      values: preset(flag(), false, 'Arguments and results stand in the records, masked and bounded.'),
      encrypt: preset(flag(), false, 'Records are encrypted on the disk.'),
      sinks: preset(v.array(sink), [], 'Where copies go besides.'),
    }),
    v.transform(({ retention, ...value }): AuditConfig => present({ ...value, retentionMs: retention }) as AuditConfig),
  ),
  {},
  'The audit trail.',
);

/** Where nobody has written a configuration. */
export function defaultAudit(): AuditConfig {
  return v.parse(auditSchema, {});
}
