/**
 * The schema of `auth`: how clients prove who they are, and what each way of proving needs. What `auth` asks of other keys
 * (TLS, a public URL) is in check-across.ts.
 */
import * as v from 'valibot';
import { duration, flag, oneOf, period, text } from './scalars.ts';
import { introspection, jwt, oidc } from './schema-issuers.ts';
import { findings, maybe, object, present, preset, type Finding } from './schema-parts.ts';
import { moment, names, secret } from './schema-values.ts';
import type { AuthConfig, AuthMode, AuthServerConfig, ConfiguredKey } from './types-auth.ts';

const mode = oneOf('none', 'key', 'jwt', 'oidc', 'introspection', 'mtls');

/** Names that `sallyport key` takes, too: none that could be an id. */
const keyName = v.pipe(
  text('a name'),
  v.check(
    (name) => /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/.test(name) && !/^[0-9a-f]{16}$/.test(name) && name !== 'local',
    'expected a name of up to 64 of A-Z a-z 0-9 . _ @ + -, beginning with a letter or digit, neither `local` nor the id of a key',
  ),
);

/** A slower hash would let whoever sends keys keep this machine busy. */
const bcrypt = v.pipe(
  v.string(),
  v.check(
    (value) => /^\$2[aby]\$1[0-4]\$[./A-Za-z0-9]{53}$/.test(value),
    'expected a bcrypt hash of cost 10 to 14, as `sallyport key hash` makes them',
  ),
);

/** It is sent in a header, which a comma would end, and it must not be one that is guessed. */
function isKeyText(value: string): boolean {
  return /^[!-+\--~]{32,512}$/.test(value) && new Set(value).size >= 8;
}

const key = v.pipe(
  object({
    name: v.pipe(keyName, v.description('The subject of whoever shows this key.')),
    key: maybe(
      secret('a random key of 32 to 512 characters without spaces and commas (`openssl rand -base64 32`)', isKeyText),
      'The key itself.',
    ),
    hash: maybe(bcrypt, 'Its bcrypt hash, instead of `key`.'),
    roles: preset(names('a list of roles'), [], 'Roles that this key gives.'),
    expires: maybe(moment(), 'A date or a time, after which it is refused.'),
  }),
  findings(({ key: plain, hash }) =>
    (plain === undefined) === (hash === undefined)
      ? [
          {
            path: [],
            message: plain === undefined ? 'expected `key` or `hash`' : '`key` and `hash` exclude each other',
          },
        ]
      : [],
  ),
  v.transform(({ expires, ...rest }): ConfiguredKey => present({ ...rest, expiresMs: expires })),
);

const serverParts = v.pipe(
  object({
    registration: preset(flag(), true, 'Clients may register without a credential (RFC 7591).'),
    clientIdMetadata: preset(flag(), true, 'Client ID Metadata Documents: a client is the URL that describes it.'),
    accessToken: preset(duration(1000), '10m', 'For how long an access token is good.'),
    refreshToken: preset(period(1000), '30d', 'For how long a refresh token is good.'),
  }),
  v.transform((value): AuthServerConfig => ({
    registration: value.registration,
    clientIdMetadata: value.clientIdMetadata,
    accessTokenMs: value.accessToken,
    refreshTokenMs: value.refreshToken,
  })),
);

const server = v.pipe(
  v.union([flag(), serverParts]),
  v.transform((value) => (value === true ? v.parse(serverParts, {}) : value === false ? undefined : value)),
);

const browser = v.pipe(
  object({
    idle: preset(duration(1000), '30m', 'A session nobody uses ends after so long.'),
    absolute: preset(period(1000), '12h', 'A session ends after so long in any case.'),
    rotate: preset(duration(1000), '15m', 'Its cookie gets another value after so long.'),
  }),
  v.transform(({ idle, absolute, rotate }) => ({ idleMs: idle, absoluteMs: absolute, rotateMs: rotate })),
);

const parts = object({
  mode: preset(
    v.union([mode, v.array(mode)]),
    'key',
    'How clients prove who they are; a list is tried in order; none stands alone.',
  ),
  keys: preset(v.array(key), [], 'Keys written in the file, besides those of `sallyport key`.'),
  scopes: preset(names('a list of scopes'), [], 'OAuth scopes that every token needs.'),
  jwt: maybe(jwt, 'Tokens (JWT) of an issuer.'),
  oidc: maybe(oidc, 'An OpenID provider: people sign in there.'),
  introspection: maybe(introspection, 'Opaque tokens of an authorization server (RFC 7662).'),
  server: maybe(server, 'An authorization server of our own; people sign in at the provider of `oidc`.'),
  browser: preset(browser, {}, 'Sessions of browsers.'),
});

type Parts = v.InferOutput<typeof parts>;

/** `auth`. */
export const authSchema: v.GenericSchema<unknown, AuthConfig> = preset(
  v.pipe(
    parts,
    findings((auth) => [...modeFindings(auth), ...keyFindings(auth.keys)]),
    v.transform(({ mode: written, ...rest }): AuthConfig => ({ modes: listOfModes(written), ...present(rest) })),
  ),
  {},
  'Who may come in.',
);

function listOfModes(written: AuthMode | readonly AuthMode[]): readonly AuthMode[] {
  return typeof written === 'string' ? [written] : written;
}

/** What each mode needs in `auth`, and what is there for no mode: it would be accepted and do nothing. */
function modeFindings(auth: Parts): Finding[] {
  const modes = listOfModes(auth.mode);
  const at = (path: string, message: string): Finding => ({ path: [path], message });
  const needs = (one: AuthMode, example: string): Finding[] =>
    modes.includes(one) && auth[one as 'jwt' | 'oidc' | 'introspection'] === undefined
      ? [at('mode', `\`${one}\` needs \`auth.${one}\`: ${example}`)]
      : [];
  const unused = (part: 'keys' | 'jwt' | 'introspection', one: AuthMode, isThere: boolean): Finding[] =>
    isThere && !modes.includes(one)
      ? [at(part, `nobody is let in by this: add \`${one}\` to \`auth.mode\`, or take it away`)]
      : [];
  return [
    ...(modes.length === 0 ? [at('mode', 'expected at least one way to prove who one is, such as `key`')] : []),
    ...(new Set(modes).size < modes.length ? [at('mode', 'expected each way once')] : []),
    ...(modes.includes('none') && modes.length > 1
      ? [at('mode', '`none` lets everybody in, so it stands alone: take it away, or all the others')]
      : []),
    ...needs('jwt', '`{issuer: https://…}`'),
    ...needs('oidc', '`{issuer: https://…, clientId: …}`'),
    ...needs('introspection', '`{issuer: https://…, clientId: …, clientSecret: …}`'),
    ...(auth.server !== undefined && auth.oidc === undefined
      ? [at('server', 'needs `auth.oidc`, the provider at which people sign in: `{issuer: https://…, clientId: …}`')]
      : []),
    ...unused('keys', 'key', auth.keys.length > 0),
    ...unused('jwt', 'jwt', auth.jwt !== undefined),
    ...unused('introspection', 'introspection', auth.introspection !== undefined),
  ];
}

const mostKeys = 256;
/** Each costs a wrong key its share of bcrypt. */
const mostHashes = 32;

/** A name or a key that stands for two, and too many of them. */
function keyFindings(keys: readonly ConfiguredKey[]): Finding[] {
  if (keys.length > mostKeys || keys.filter(({ hash }) => hash !== undefined).length > mostHashes) {
    const message = `expected at most ${mostKeys} keys, ${mostHashes} of them as hashes; \`sallyport key create\` makes any number`;
    return [{ path: ['keys'], message }];
  }
  return keys.flatMap((one, index): Finding[] => {
    const before = keys.slice(0, index);
    const same = before.find(({ key: plain, hash }) => (one.key ?? one.hash) === (plain ?? hash));
    return [
      ...(before.some(({ name }) => name === one.name)
        ? [{ path: ['keys', index, 'name'], message: `\`${one.name}\` names another key already` }]
        : []),
      ...(same === undefined
        ? []
        : [
            {
              path: ['keys', index, one.key === undefined ? 'hash' : 'key'],
              message: `this is the key of \`${same.name}\``,
            },
          ]),
    ];
  });
}
