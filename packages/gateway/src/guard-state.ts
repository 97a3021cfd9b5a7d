/** The guard of content as the gateway opens it: with what other rooms do for it, told of the credentials of every configuration. */

import type { KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Authorization } from '@sallyport/client';
import type { RecordEvent } from './audit/index.ts';
import { resultText, withFront } from './bridge/result-text.ts';
import { logIdOf } from './call.ts';
import type { Pins } from './catalog/pinned.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { createGuard, type Finding, type Guard } from './guard/index.ts';
import { withParams } from './restated.ts';
import type { Log } from './telemetry/index.ts';
import { isSecretName, isSecretNumberName } from './telemetry/secret-spans.ts';

export interface GuardStateOptions {
  /** In force. */
  readonly config: () => Config;
  readonly placeholderKey: KeyObject;
  readonly record: RecordEvent;
  readonly log: Log;
}

export function openGuard({ config, log, placeholderKey, record }: GuardStateOptions): Guard {
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
    textOf: resultText,
    withFront,
    pause: () => setImmediate(),
    report: (finding, call) => {
      const { exchange, target } = call;
      const principal = exchange.session?.principal ?? exchange.principal;
      const about = { server: target?.server, target: target?.canonicalId, correlationId: logIdOf(call) };
      tell(finding, { ...about, principal, address: exchange.address });
    },
    found: tell,
    log,
  });
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

/** The tokens that are got for a server are known as soon as they are sent. */
export function learnedTokens(
  authorization: Authorization | undefined,
  { own }: Pick<Guard, 'own'>,
): Authorization | undefined {
  if (authorization === undefined) return undefined;
  const learned = (token: string | undefined): string | undefined => {
    if (token !== undefined) own.learn([token]);
    return token;
  };
  return {
    token: () => {
      const token = authorization.token();
      return token instanceof Promise ? token.then(learned) : learned(token);
    },
    challenged: (refusal) => authorization.challenged(refusal),
  };
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
export function credentialsOf({ audit, auth, policy, servers, telemetry }: Config): string[] {
  const { introspection, keys, oidc } = auth;
  const headers = [
    ...Object.entries(policy?.external?.headers ?? {}),
    ...audit.sinks.flatMap((sink) => ('headers' in sink ? Object.entries(sink.headers) : [])),
  ];
  return [
    telemetry.metrics.key,
    oidc?.clientSecret,
    introspection?.clientSecret,
    ...keys.map(({ key }) => key),
    ...headers.filter(([name, value]) => isCredential(name, value)).map(([, value]) => value),
    ...servers.flatMap(ofServer),
  ].filter((value) => value !== undefined);
}

function ofServer({ oauth, target }: ServerConfig): (string | undefined)[] {
  const variables = Object.entries(target.kind === 'stdio' ? target.env : target.headers);
  return [
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
