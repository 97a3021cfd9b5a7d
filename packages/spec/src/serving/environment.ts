/**
 * What DinCoder's environment names say of the HTTP face, by its documents: ENABLE_AUTH, API_KEY, ALLOWED_ORIGINS,
 * ORIGIN_WHITELIST, RATE_LIMIT_ENABLED, RATE_LIMIT_WINDOW, RATE_LIMIT_MAX, PORT, MCP_HOST, SESSION_TIMEOUT, LOG_LEVEL. A key
 * that is set is always asked for; a value that cannot be used stops the start. HOST is not read: shells set it to other ends.
 * Nor are TRANSPORT_MODE, MODE and START_SERVER: sessions and their absence are both served, always.
 */
import { SpecError } from '../errors.ts';
import type { Environment } from '../layout/features.ts';

export interface ServingSettings {
  readonly host: string;
  readonly port: number;
  /** Undefined: no key is asked for, and only this machine is served. */
  readonly apiKey: string | undefined;
  readonly origins: readonly string[];
  /** Requests of an address; false: none of these limits. */
  readonly rate: { readonly count: number; readonly periodMs: number } | false;
  readonly sessionIdleMs: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const LEAST_KEY = 32;
/** What a header carries: several of them arrive joined by a comma. */
const KEY = /^[\x21-\x2b\x2d-\x7e]+$/;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s]+$/i;
const DEFAULT_PORT = 8123;
const DEFAULT_WINDOW_MS = 60_000;
const DEFAULT_MAX = 100;
const DEFAULT_IDLE_MS = 30 * 60_000;
const DAY_MS = 86_400_000;

function refuse(name: string, why: string): never {
  throw new SpecError('invalid_input', `${name} ${why}`);
}

function numberOf(env: Environment, name: string, usual: number, least: number, most: number): number {
  const said = env[name];
  if (said === undefined || said === '') return usual;
  const value = /^\d{1,15}$/.test(said) ? Number(said) : Number.NaN;
  if (!(value >= least && value <= most)) refuse(name, `must be a whole number from ${least} to ${most}.`);
  return value;
}

function flagOf(env: Environment, name: string, usual: boolean): boolean {
  const said = env[name]?.toLowerCase();
  if (said === undefined || said === '') return usual;
  if (said === 'true' || said === '1') return true;
  if (said === 'false' || said === '0') return false;
  return refuse(name, 'must be true or false.');
}

function originsOf(env: Environment): string[] {
  const said = [env['ALLOWED_ORIGINS'], env['ORIGIN_WHITELIST']].flatMap((text) => text?.split(',') ?? []);
  const origins = said.map((origin) => origin.trim()).filter((origin) => origin !== '');
  if (origins.includes('*'))
    refuse('ALLOWED_ORIGINS', 'may not be "*": name the origins, such as https://*.example.com.');
  const wrong = origins.find((origin) => !ORIGIN.test(origin));
  if (wrong !== undefined) {
    const how = 'scheme and host, such as https://example.com, and nothing after the port';
    refuse('ALLOWED_ORIGINS', `has ${JSON.stringify(wrong)}, which is no origin: write ${how}.`);
  }
  return [...new Set(origins)];
}

const LEVELS: ReadonlyMap<string, ServingSettings['logLevel']> = new Map([
  ['', 'info'],
  ['trace', 'debug'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
]);

function levelOf(env: Environment): ServingSettings['logLevel'] {
  const level = LEVELS.get(env['LOG_LEVEL']?.toLowerCase() ?? '');
  return level ?? refuse('LOG_LEVEL', 'must be debug, info, warn or error.');
}

function keyOf(env: Environment): string | undefined {
  const key = env['API_KEY'];
  if (key === undefined || key === '') return undefined;
  if (key.length < LEAST_KEY)
    refuse('API_KEY', `must have at least ${LEAST_KEY} characters: \`openssl rand -base64 32\` makes one.`);
  if (!KEY.test(key)) refuse('API_KEY', 'must be printable ASCII without spaces and commas: it is sent in a header.');
  return key;
}

/** Throws a SpecError `invalid_input` that names the variable. */
export function settingsOf(env: Environment): ServingSettings {
  const apiKey = keyOf(env);
  if (flagOf(env, 'ENABLE_AUTH', false) && apiKey === undefined)
    refuse('ENABLE_AUTH', 'is true, but API_KEY is not set.');
  const host = env['MCP_HOST'];
  const limited = flagOf(env, 'RATE_LIMIT_ENABLED', true);
  const count = numberOf(env, 'RATE_LIMIT_MAX', DEFAULT_MAX, 1, 1_000_000);
  const periodMs = numberOf(env, 'RATE_LIMIT_WINDOW', DEFAULT_WINDOW_MS, 100, DAY_MS);
  return {
    host: host === undefined || host === '' ? '127.0.0.1' : host,
    port: numberOf(env, 'PORT', DEFAULT_PORT, 0, 65_535),
    apiKey,
    origins: originsOf(env),
    rate: limited ? { count, periodMs } : false,
    sessionIdleMs: numberOf(env, 'SESSION_TIMEOUT', DEFAULT_IDLE_MS, 1000, DAY_MS),
    logLevel: levelOf(env),
  };
}
