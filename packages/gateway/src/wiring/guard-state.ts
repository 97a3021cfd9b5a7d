/** The guard of content as the gateway opens it: with what other rooms do for it, told of the credentials of every configuration. */

import type { KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Records } from '@sallyport/server';
import type { RecordEvent } from '../audit/index.ts';
import { resultBytes, withFront } from '../bridge/result-bytes.ts';
import { logIdOf } from '../call.ts';
import type { Pins } from '../catalog/pinned.ts';
import type { Config, ServerConfig } from '../config/index.ts';
import { createGuard, type Finding, type Guard, type OwnSecrets } from '../guard/index.ts';
import { withParams, withText } from '../restated.ts';
import type { Sealing } from '../round.ts';
import type { Log } from '../telemetry/index.ts';
import { isSecretName, isSecretNumberName } from '../telemetry/secret-spans.ts';

export interface GuardStateOptions {
  /** In force. */
  readonly config: () => Config;
  readonly placeholderKey: KeyObject;
  readonly record: RecordEvent;
  /** For proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function openGuard({ config, env, log, now, placeholderKey, record }: GuardStateOptions): Guard {
  const tell = (finding: Finding, about: Parameters<typeof eventOf>[1]): void => {
    const { correlationId, server, target } = about;
    log('warn', TEXTS[finding.check][finding.action], {
      ...finding,
      server,
      target,
      ...(correlationId && { id: correlationId }),
    });
    record(eventOf(finding, about));
  };
  return createGuard({
    settings: () => config().guard,
    strict: () => config().strict,
    placeholderKey,
    withParams,
    withText,
    bytesOf: resultBytes,
    withFront,
    pause: () => setImmediate(),
    report: (finding, call) => {
      const { exchange, target } = call;
      const principal = exchange.session?.principal ?? exchange.principal;
      const about = { server: target?.server, target: target?.canonicalId, correlationId: logIdOf(call) };
      tell(finding, { ...about, principal, address: exchange.address });
    },
    found: tell,
    fetch: (url, init) => fetchGuarded(url, init, config(), env),
    timeout: (ms) => AbortSignal.timeout(ms),
    now,
    log,
  });
}

/**
 * To the external guard, which the configuration names: it is trusted to be where it is written to be, and leads nowhere else. A
 * guard of connections for each question, since it keeps none open.
 */
async function fetchGuarded(
  url: string,
  init: RequestInit,
  { egress }: Config,
  env: GuardStateOptions['env'],
): Promise<Response> {
  const { createGuardedFetch } = await import('@sallyport/client/egress');
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  return await createGuardedFetch({ allow: [...egress.allow, host], env })(url, init);
}

const TEXTS = {
  secrets: {
    flag: 'a secret passed the guard',
    redact: 'a secret was replaced by a placeholder',
    block: 'a secret was kept back',
  },
  injection: {
    flag: 'what looks like hidden instructions was passed on',
    redact: 'what looks like hidden instructions was passed on',
    block: 'what looks like hidden instructions was kept back',
  },
  external: {
    flag: 'the external guard has let content pass',
    redact: 'the external guard has replaced content',
    block: 'the external guard has refused content',
  },
} as const;

function eventOf(
  { action, check, kinds, where }: Finding,
  about: Pick<Parameters<RecordEvent>[0], 'server' | 'target' | 'correlationId' | 'principal' | 'address'>,
): Parameters<RecordEvent>[0] {
  return {
    type: 'server_access',
    action: `guard.${check}`,
    decision: action === 'block' ? 'deny' : 'allow',
    ...about,
    facts: { where, kinds, guard: action },
  };
}

/** Kinds of records of logins: what is granted, who this gateway is at a server, logins under way. */
const LOGIN_RECORDS = /^(?:grant|client|login)\//;
/** Members of them that are credentials. */
const LOGIN_SECRETS: readonly string[] = ['accessToken', 'refreshToken', 'secret', 'privateKey', 'verifier'];
/** Records whose credentials are known: those that were used last. */
const MAX_RECORDS = 1000;

export interface LoginStore {
  readonly records: Records;
  readonly sealing: Sealing;
}

/**
 * Where logins at servers are kept. What stands there is known to the guard from when it is written or read until its record is
 * gone. Rejects when the store cannot be read.
 */
export async function guardedLogins({ records, sealing }: LoginStore, own: OwnSecrets): Promise<LoginStore> {
  const known = new Set<string>();
  const release = (key: string): void => {
    if (known.delete(key)) own.release(`login ${key}`);
  };
  const learn = (key: string, text: string): void => {
    if (!LOGIN_RECORDS.test(key)) return;
    own.hold(`login ${key}`, secretsOf(text));
    known.delete(key);
    known.add(key);
    for (const oldest of known) {
      if (known.size <= MAX_RECORDS) break;
      release(oldest);
    }
  };
  const guarded: LoginStore = {
    sealing: {
      seal: (text, key) => {
        learn(key, text);
        return sealing.seal(text, key);
      },
      unseal: (sealed, key) => {
        const text = sealing.unseal(sealed, key);
        if (text !== undefined) learn(key, text);
        return text;
      },
    },
    records: {
      ...records,
      delete: async (key) => {
        const isGone = await records.delete(key);
        release(key);
        return isGone;
      },
    },
  };
  for (const { key, value } of await records.list()) {
    if (typeof value === 'string') guarded.sealing.unseal(value, key);
  }
  return guarded;
}

function secretsOf(text: string): string[] {
  const record = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return LOGIN_SECRETS.map((name) => record[name]).filter((value) => typeof value === 'string');
}

/** Tools that come into force are looked at before, in turns with everything else. */
export function preparedPins(pins: Pins, { screen }: Pick<Guard, 'screen'>): Pins {
  return {
    get table() {
      return pins.table;
    },
    observe: async (server, tools, owner) => {
      await screen.prepare(tools);
      await pins.observe(server, tools, owner);
    },
    onChanged: (listener) => pins.onChanged(listener),
  };
}

/** What the configuration holds that only the gateway may show, and only to whom it is meant for. */
export function credentialsOf(config: Config): string[] {
  const { alerts, audit, auth, discovery, guard, interceptors, policy, servers, telemetry } = config;
  const { introspection, keys, oidc } = auth;
  const headers = [
    ...Object.entries(policy?.external?.headers ?? {}),
    ...Object.entries(guard.external?.headers ?? {}),
    ...[...audit.sinks, ...alerts.map(({ to }) => to)].flatMap((sink) =>
      'headers' in sink ? Object.entries(sink.headers) : [],
    ),
  ];
  return [
    telemetry.metrics.key,
    discovery.embeddings?.key,
    oidc?.clientSecret,
    introspection?.clientSecret,
    ...keys.map(({ key }) => key),
    ...alerts.map(({ to }) => ('secret' in to ? to.secret : undefined)),
    ...headers.filter(([name, value]) => isCredential(name, value)).map(([, value]) => value),
    ...servers.flatMap(ofServer),
    ...interceptors.flatMap(ofInterceptor),
  ].filter((value) => value !== undefined);
}

function ofInterceptor({ target }: Config['interceptors'][number]): (string | undefined)[] {
  const variables = Object.entries(target.kind === 'child' ? target.env : target.headers);
  return [
    target.kind === 'http' ? target.secret : undefined,
    ...variables.filter(([name, value]) => isCredential(name, value)).map(([, value]) => value),
  ];
}

function ofServer({ oauth, target }: ServerConfig): (string | undefined)[] {
  const variables = Object.entries(target.kind === 'stdio' ? target.env : target.headers);
  const credentials = target.kind === 'openapi' ? Object.values(target.auth) : [];
  return [
    ...credentials.flatMap(({ clientSecret, password, username, value }) => [
      clientSecret,
      password,
      value,
      // Of HTTP Basic; as base64 it is known where its password alone is too short for that.
      password === undefined || password === '' ? undefined : `${username}:${password}`,
    ]),
    oauth?.clientSecret,
    oauth?.privateKey,
    oauth?.exchange?.clientSecret,
    oauth?.exchange?.privateKey,
    ...variables.filter(([name, value]) => isCredential(name, value)).map(([, value]) => value),
    ...variables.map(([, value]) => passwordIn(value)),
  ];
}

/** Characters of a value that is taken for random. */
const RANDOM_LENGTH = 20;

/**
 * Not every variable is one: a folder, a word or the name of a header would be found in answers everywhere. What is called a
 * password always is; of the others those that nobody writes by chance.
 */
function isCredential(name: string, value: string): boolean {
  if (isSecretNumberName(name)) return true;
  if (/^(?:[./~]|[A-Za-z]:\\|[a-z][a-z+.-]*:\/\/)/.test(value)) return false;
  const isScheme = /^(?:bearer|basic|token) \S+$/i.test(value);
  return isScheme || (isSecretName(name) && isUncommon(value)) || (value.length >= RANDOM_LENGTH && isRandom(value));
}

function isUncommon(value: string): boolean {
  return value.length >= RANDOM_LENGTH || (/\d/.test(value) && /[A-Za-z]/.test(value));
}

/** One word of letters in both cases or none, with digits among them. */
function isRandom(value: string): boolean {
  return /^[\w+/=.~-]+$/.test(value) && /[A-Za-z]\d|\d[A-Za-z]/.test(value) && (value.match(/\d/g)?.length ?? 0) >= 4;
}

function passwordIn(value: string): string | undefined {
  const password = value.includes('@') && URL.canParse(value) ? new URL(value).password : '';
  return password === '' ? undefined : password;
}
