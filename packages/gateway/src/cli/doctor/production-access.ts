/** Who gets in, from where, and what they may do: what a deployment should have written, from its configuration alone. */
import { openListener } from '../../config/check-across.ts';
import type { Config } from '../../config/index.ts';
import { isLoopbackHost } from '../../config/schema-values.ts';
import type { SecurityConfig } from '../../config/types.ts';
import { count } from '../text.ts';
import { fail, ok, warn, type Finding } from './report.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A key that is good for longer should have been replaced before. */
const LONGEST_KEY_MS = 366 * DAY_MS;
const LONGEST_IDLE_MS = HOUR_MS;
const LONGEST_SESSION_MS = 24 * HOUR_MS;

/** A key of a client, wherever it is kept. */
export interface KeyFacts {
  readonly name: string;
  readonly roles: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs: number | undefined;
}

export function checkAccess(config: Config, keys: readonly KeyFacts[], nowMs: number): readonly Finding[] {
  return [
    transport(config),
    authentication(config),
    ...keyFindings(config, keys, nowMs),
    policy(config),
    rates(config),
    sessions(config),
    origins(config),
    ...administration(config),
    metrics(config),
    contact(config),
  ];
}

/** Others than this machine come in. */
function isPublished({ listen }: Config): boolean {
  return !isLoopbackHost(listen.host) || listen.publicUrl !== undefined || listen.trustProxy.length > 0;
}

function transport(config: Config): Finding {
  const { listen } = config;
  const problem = openListener(config);
  if (problem !== undefined) return fail('TLS', problem.replaceAll('\n', ' '), 'set listen.tls');
  if (listen.tls !== undefined) {
    return listen.tls.minVersion === 'TLSv1.3'
      ? ok('TLS', 'TLS 1.3')
      : warn('TLS', 'TLS 1.2 is accepted', 'set listen.tls.minVersion: TLSv1.3');
  }
  if (listen.plainBehindProxy) {
    return warn(
      'TLS',
      'plain HTTP beyond loopback: a proxy in front must speak TLS',
      'set listen.tls, or listen on loopback',
    );
  }
  if (listen.publicUrl?.startsWith('http:') === true && !isLoopbackHost(new URL(listen.publicUrl).hostname)) {
    return fail(
      'TLS',
      'listen.publicUrl is http: what clients send can be read on the way',
      'give the proxy a certificate',
    );
  }
  return ok('TLS', isPublished(config) ? 'loopback, behind a proxy with https' : 'loopback alone');
}

function authentication({ auth }: Config): Finding {
  return auth.modes.includes('none')
    ? fail('authentication', 'auth.mode: none lets every program of this machine in', 'set auth.mode: key')
    : ok('authentication', auth.modes.join(', '));
}

function keyFindings({ auth, policy: rules }: Config, keys: readonly KeyFacts[], nowMs: number): readonly Finding[] {
  if (!auth.modes.includes('key')) return [];
  const named = (some: readonly KeyFacts[]): string =>
    some
      .map(({ name }) => name)
      .slice(0, 5)
      .join(', ');
  const lasting = keys.filter(({ expiresMs = Number.POSITIVE_INFINITY }) => expiresMs - nowMs > LONGEST_KEY_MS);
  const ended = keys.filter(({ expiresMs = Number.POSITIVE_INFINITY }) => expiresMs <= nowMs);
  const powerless = rules === undefined ? [] : keys.filter((key) => hasNoRole(key, rules));
  const findings = [
    ...(lasting.length === 0
      ? []
      : [warn('keys', `good for longer than a year: ${named(lasting)}`, 'sallyport key rotate NAME --expires 90d')]),
    ...(ended.length === 0
      ? []
      : [warn('keys', `over, and still there: ${named(ended)}`, 'sallyport key revoke NAME')]),
    ...(powerless.length === 0
      ? []
      : [warn('keys', `without a role of the policy: ${named(powerless)}`, 'sallyport key roles NAME ROLE')]),
  ];
  if (findings.length > 0) return findings;
  return [
    ok(
      'keys',
      keys.length === 0 ? 'none but this machine’s own' : `${count(keys.length, 'key')}, all with an end and a role`,
    ),
  ];
}

function hasNoRole({ name, roles }: KeyFacts, { roles: declared }: NonNullable<Config['policy']>): boolean {
  return roles.length === 0 && !Object.values(declared).some(({ keys }) => keys.includes(name));
}

function policy({ policy: rules }: Config): Finding {
  if (rules === undefined) {
    return fail(
      'policy',
      'there is none: whoever is let in may use everything',
      'write a `policy` with roles and rules',
    );
  }
  return rules.default === 'allow'
    ? fail('policy', 'what no rule speaks of is allowed', 'set policy.default: deny')
    : ok('policy', `${count(rules.rules.length, 'rule')}, the rest is denied`);
}

function rates({ limits }: Config): Finding {
  if (limits.rate.perPrincipal === undefined) {
    return fail('rates', 'calls of a principal are not limited', 'set limits.rate.perPrincipal: "1000/m"');
  }
  return limits.failedAuthentications > 600
    ? warn(
        'rates',
        `${limits.failedAuthentications} failed authentications of an address a minute`,
        'set limits.failedAuthentications: 60',
      )
    : ok('rates', 'calls and failed authentications are limited');
}

function sessions({ sessions: { absoluteMs, idleMs } }: Config): Finding {
  if (idleMs <= LONGEST_IDLE_MS && absoluteMs <= LONGEST_SESSION_MS)
    return ok('sessions', 'end when idle, and in any case');
  return warn(
    'sessions',
    'last longer than an hour idle, or a day',
    'set sessions.idle: 30m and sessions.absolute: 24h',
  );
}

function origins(config: Config): Finding {
  const wide = config.listen.origins.filter((origin) => origin.includes('*'));
  if (wide.length === 0)
    return ok('origins', config.listen.origins.length === 0 ? 'no web page may call' : 'each is named');
  return fail('origins', `pages of ${wide.join(', ')} may call`, 'name each origin in listen.origins');
}

function administration({ admin }: Config): readonly Finding[] {
  if (!admin.enabled || admin.hosts.length === 0) return [ok('admin', 'this machine alone')];
  const from = `from ${admin.hosts.join(', ')}`;
  if (admin.commands && admin.remoteWrite) {
    return [fail('admin', `commands can be added ${from}`, 'set admin.commands: false')];
  }
  return [
    admin.remoteWrite
      ? warn('admin', `changes are made ${from}`, 'set admin.remoteWrite: false')
      : warn('admin', `it is read ${from}`, 'take the addresses out of admin.hosts if nobody needs them'),
  ];
}

function metrics({ telemetry }: Config): Finding {
  if (!telemetry.metrics.enabled) return ok('metrics', 'off');
  return ok(
    'metrics',
    telemetry.metrics.key === undefined ? 'for this machine’s user and admin keys' : 'with a key of their own',
  );
}

function contact(config: Config): Finding {
  const { security } = config;
  if (security.contact.some((each) => /@?\bexample\.(?:com|net|org)\b/i.test(each))) {
    return fail('security contact', 'it is a placeholder', 'set security.contact to where somebody reads');
  }
  if (security.contact.length > 0) return ok('security contact', shown(security));
  const text = 'nobody is told where to report a hole';
  const remedy = 'set security.contact: it is published as /.well-known/security.txt';
  return isPublished(config)
    ? warn('security contact', text, remedy)
    : ok('security contact', 'none, and nobody else comes');
}

function shown({ contact: [first = ''], policy: rules }: SecurityConfig): string {
  return rules === undefined ? first : `${first}, policy ${rules}`;
}
