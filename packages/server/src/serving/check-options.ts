/**
 * The options of a served server as they were written, before anything is made of them. A member that is not known, a size that
 * is no number or a name that can never match would do nothing, and its author would think that it does: it is refused. What
 * the options would open together is for settle.ts to say.
 */

import { isObject, type MessageLimits } from '@sallyport/wire';
import type { ListenerLimits } from '../http/listener-options.ts';
import type { SessionStore } from '../session-store.ts';
import { badOption } from './errors.ts';
import type {
  HttpOptions,
  HttpsOptions,
  LimitOptions,
  MountOptions,
  PlaceOptions,
  ServeOptions,
  SessionOptions,
  StdioOptions,
} from './options.ts';
import type { RateOptions } from './rates.ts';
import { routesProblem } from './route-checks.ts';

/** What is wrong with a value; undefined: nothing. It throws for what is wrong inside of it. */
type Check = (value: unknown, name: string) => string | undefined;
type Checks<T> = Readonly<Record<keyof T, Check>>;

/** A longer timer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

const any: Check = () => undefined;
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'it is true or false');
const text: Check = (value) => (typeof value === 'string' ? undefined : 'it is a text');
const callable: Check = (value) => (typeof value === 'function' ? undefined : 'it is a function');
const list: Check = (value) => (Array.isArray(value) ? undefined : 'it is a list');
const material: Check = (value) =>
  (typeof value === 'string' && value !== '') || Buffer.isBuffer(value)
    ? undefined
    : 'it is PEM, or the path of a file';

function texts(problem: string, fits: (value: string) => boolean): Check {
  return (value) => {
    if (!Array.isArray(value)) return 'it is a list of texts';
    const at = value.findIndex((each) => typeof each !== 'string' || !fits(each));
    return at === -1 ? undefined : `${JSON.stringify(value[at])}: ${problem}`;
  };
}

function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `it is a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`;
}

/** A time that is compared and never waited for: it may have no end. */
const lasting: Check = (value) =>
  typeof value === 'number' && value > 0 ? undefined : 'it is a number of milliseconds above 0';

/** Of an object with these members, each of which may be left out or undefined. */
function members<T>(checks: Checks<T>): Check {
  return (value, name) => {
    if (!isObject(value)) return 'it is an object';
    for (const [member, each] of Object.entries(value)) {
      const inner = name === '' ? member : `${name}.${member}`;
      if (!Object.hasOwn(checks, member)) {
        throw badOption(inner, `there is no such option, only ${Object.keys(checks).join(', ')}`);
      }
      if (each !== undefined) checkOne(inner, each, checks[member as keyof T]);
    }
    return undefined;
  };
}

function either(isSimple: (value: unknown) => boolean, other: Check): Check {
  return (value, name) => (isSimple(value) ? undefined : other(value, name));
}

function checkOne(name: string, value: unknown, check: Check): void {
  const problem = check(value, name);
  if (problem !== undefined) throw badOption(name, problem);
}

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const isFalse = (value: unknown): boolean => value === false;

const RATE: Checks<RateOptions> = {
  // A rate is read where its buckets are made.
  perAddress: any,
  perPrincipal: any,
  perSession: any,
  perMethod: any,
  perTool: any,
  global: any,
  skip: callable,
  key: callable,
  onLimitReached: callable,
};

const LISTENER: Checks<ListenerLimits> = {
  headerBytes: whole(1),
  headerTimeoutMs: whole(1, LONGEST_MS),
  bodyTimeoutMs: whole(1, LONGEST_MS),
  connectionsPerAddress: whole(1),
  sweepMs: whole(1, LONGEST_MS),
};

const MESSAGE: Checks<MessageLimits> = { depth: whole(1), members: whole(1), batch: whole(1) };

const LIMITS: Checks<LimitOptions> = {
  bodyBytes: whole(1),
  message: members(MESSAGE),
  listener: members(LISTENER),
  streamsPerPrincipal: whole(0),
  failedAuthentications: whole(1),
  rate: either(isFalse, members(RATE)),
  drainMs: whole(0, LONGEST_MS),
};

const STORE: Checks<SessionStore> = {
  get: callable,
  put: callable,
  delete: callable,
  expire: callable,
  addEvent: callable,
  events: callable,
  dropEvents: callable,
};

/** A store may be an object of a class, and have more to it. */
const store: Check = (value) => {
  const missing = Object.keys(STORE).find(
    (name) => typeof value !== 'object' || value === null || typeof value[name as keyof typeof value] !== 'function',
  );
  return missing === undefined ? undefined : `it has no function ${missing}`;
};

const SESSIONS: Checks<SessionOptions> = {
  max: whole(0),
  idleMs: lasting,
  absoluteMs: lasting,
  resumeMs: lasting,
  store,
};

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const headerNames: Check = texts('it is no name of a header', (name) => TOKEN.test(name));

const CORS: Checks<NonNullable<PlaceOptions['cors']>> = {
  exposedHeaders: headerNames,
  allowedHeaders: headerNames,
  maxAgeMs: whole(0),
};

const HTTP: Checks<HttpOptions> = { host: text, port: whole(0, 65_535) };

const HTTPS: Checks<HttpsOptions> = {
  key: material,
  cert: material,
  clientCa: material,
  crl: material,
  minVersion: (value) => (value === 'TLSv1.3' || value === 'TLSv1.2' ? undefined : 'it is TLSv1.3 or TLSv1.2'),
  reloadMs: whole(0, LONGEST_MS),
};

const STDIO: Checks<StdioOptions> = { input: any, output: any, principal: any };

const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i;
/** As browsers write them: nothing behind the port, which is left out where it is that of the scheme. */
const ORIGIN =
  /^(?:http:\/\/[^/?#@\s]+(?<!:80)|https:\/\/[^/?#@\s]+(?<!:443)|(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+)$/i;

const PLACE: Checks<PlaceOptions> = {
  path: text,
  websocket: flag,
  sse: flag,
  auth: (value) => ([value].flat().every(isAuth) ? undefined : 'it is a provider, a function, or a list of them'),
  scopes: texts('it is no scope', (scope) => /^[!#-[\]-~]+$/.test(scope)),
  sessions: members(SESSIONS),
  limits: members(LIMITS),
  hosts: texts('a host is a name or an address, without scheme and port', (host) => HOST.test(host)),
  origins: texts('an origin is scheme://host, with the port if it is not that of the scheme', (origin) =>
    ORIGIN.test(origin),
  ),
  cors: members(CORS),
  publicUrl: text,
  trustProxy: list,
  headers: (value) => (isObject(value) ? undefined : 'it is an object'),
  routes: routesProblem,
  query: callable,
  health: either(isFalse, text),
  openToStrangers: flag,
  log: either(isFalse, callable),
  now: callable,
};

const tls: Check = (value, name) => {
  const missing = isObject(value) ? ['key', 'cert'].find((each) => value[each] === undefined) : undefined;
  return missing === undefined ? members(HTTPS)(value, name) : `it has no ${missing}`;
};

const SERVE: Checks<ServeOptions> = {
  ...PLACE,
  stdio: either(isBoolean, members(STDIO)),
  http: either(isBoolean, members(HTTP)),
  https: tls,
  plainBehindProxy: flag,
};

const MOUNT: Checks<MountOptions> = { ...PLACE, loopback: flag };

/** Throws a ServeError. */
export function checkServeOptions(options: ServeOptions): void {
  checkAll(options, members(SERVE));
}

/** The same. */
export function checkMountOptions(options: MountOptions): void {
  checkAll(options, members(MOUNT));
}

function checkAll(options: PlaceOptions, check: Check): void {
  const problem = check(options, '');
  if (problem !== undefined) throw badOption('options', problem);
  // A variable that was not set must not open what its author wanted closed.
  if (Object.hasOwn(options, 'auth') && options.auth === undefined) {
    throw badOption('auth', 'it is undefined, which is nobody at all: leave it out if that is meant');
  }
}

function isAuth(value: unknown): boolean {
  return typeof value === 'function' || (isObject(value) && typeof value['open'] === 'function');
}
