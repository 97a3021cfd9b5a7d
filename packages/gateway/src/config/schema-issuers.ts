/**
 * The schema of who makes tokens for us: `auth.jwt`, `auth.oidc`, `auth.introspection`. It fetches nothing: that an issuer
 * answers is seen at the start.
 */
import * as v from 'valibot';
import { duration, listOf, oneOf, text } from './scalars.ts';
import { findings, map, maybe, object, present, preset, type Finding } from './schema-parts.ts';
import { microsoftIssuer, oidcPresets, presetNames, type OidcPreset } from './schema-presets.ts';
import { issuer, names, oneOrMore, secret, secureUrl, someNames } from './schema-values.ts';
import type { ClaimNames, IntrospectionConfig, JwtConfig, OidcConfig } from './types-auth.ts';

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

/** Signatures by a private key alone (RFC 8725 §3.1): with a shared secret, whoever checks a token could make one. */
const algorithm = v.picklist(algorithms, ({ input }) =>
  typeof input === 'string' && /^(?:hs\d*|none)$/i.test(input)
    ? `\`${input}\` is refused: whoever checks such a token could make one; use an issuer with a private key (RS256, ES256, EdDSA)`
    : `expected ${listOf(algorithms)}`,
);

const verification = {
  audience: preset(oneOrMore('an audience'), [], 'Accepted besides the URL of the path that is asked for.'),
  algorithms: preset(
    v.pipe(v.array(algorithm, 'expected a list of algorithms'), v.minLength(1, 'expected at least one algorithm')),
    ['RS256'],
    'Signature algorithms to accept.',
  ),
  clockTolerance: preset(duration(), '60s', 'How far clocks may differ.'),
};

const claimNames = object({
  roles: maybe(text('the name of a claim'), 'Where roles stand; dots lead inside.'),
  groups: maybe(text('the name of a claim'), 'Where groups stand; dots lead inside.'),
});
const claims = maybe(claimNames, 'The claims of a token that name roles and groups.');

function claimsOf(written: v.InferOutput<typeof claimNames> | undefined, fallback: ClaimNames): ClaimNames {
  return { roles: written?.roles ?? fallback.roles, groups: written?.groups ?? fallback.groups };
}

const publicKeySet = object({
  keys: v.pipe(
    v.array(map(v.string(), v.unknown(), 'a JSON Web Key'), 'expected a list of JSON Web Keys'),
    v.minLength(1, 'expected at least one JSON Web Key'),
    findings((keys) =>
      keys.flatMap((key, index): Finding[] =>
        key['d'] === undefined && key['k'] === undefined
          ? []
          : [{ path: [index], message: 'this key is private or shared; only its public half belongs here' }],
      ),
    ),
  ),
});

/** `auth.jwt`. */
export const jwt: v.GenericSchema<unknown, JwtConfig> = v.pipe(
  object({
    issuer: issuer(),
    ...verification,
    jwks: maybe(
      v.union([secureUrl('the https URL of a key set, or the set itself'), publicKeySet]),
      'Its public keys: a URL, or the set itself. Absent: what the issuer publishes.',
    ),
    publicKeys: preset(names('a list of PEM files'), [], 'Its public keys as PEM files.'),
    claims,
  }),
  findings(({ jwks, publicKeys }) =>
    jwks !== undefined && publicKeys.length > 0
      ? [{ path: ['publicKeys'], message: '`jwks` is there too; the keys stand in one of them' }]
      : [],
  ),
  v.transform(({ clockTolerance, claims: written, ...rest }): JwtConfig => ({
    ...present(rest),
    clockToleranceMs: clockTolerance,
    claims: claimsOf(written, oidcPresets.other.claims),
  })),
);

/** Microsoft's tokens name the id of a tenant; of `common` and `organizations` they come from anybody's. */
const tenant = v.pipe(
  v.string(),
  v.check(
    (value) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
    'expected the id of the directory (tenant), such as "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", in lower case',
  ),
);

const oidcParts = object({
  preset: maybe(oneOf(...presetNames), 'What is known of this kind of provider.'),
  tenant: maybe(tenant, 'With `preset: microsoft`: the id of the directory.'),
  issuer: maybe(issuer(), 'The provider, exactly as its tokens name it.'),
  clientId: v.pipe(text('the id of our client there'), v.description('Our client at the provider.')),
  clientSecret: maybe(secret('the secret of our client'), 'Its secret.'),
  scopes: maybe(someNames('a list of scopes'), 'What to ask for when somebody signs in.'),
  ...verification,
  claims,
});

type OidcParts = v.InferOutput<typeof oidcParts>;

function presetOf({ preset: name }: OidcParts): OidcPreset {
  return oidcPresets[name ?? 'other'];
}

function issuerOf(parts: OidcParts): string | undefined {
  const ofTenant =
    parts.preset === 'microsoft' && parts.tenant !== undefined ? microsoftIssuer(parts.tenant) : undefined;
  return parts.issuer ?? ofTenant ?? presetOf(parts).issuer;
}

function oidcFindings(parts: OidcParts): Finding[] {
  const example = presetOf(parts).example;
  return [
    ...(parts.tenant !== undefined && parts.preset !== 'microsoft'
      ? [{ path: ['tenant'], message: 'only with `preset: microsoft`' }]
      : []),
    ...(parts.tenant !== undefined && parts.issuer !== undefined
      ? [{ path: ['tenant'], message: '`issuer` is there too; it follows from the tenant' }]
      : []),
    ...(issuerOf(parts) !== undefined
      ? []
      : parts.preset === 'microsoft'
        ? [{ path: [], message: 'expected `tenant`, the id of the directory' }]
        : [{ path: [], message: `expected \`issuer\`, such as ${example}` }]),
    ...(parts.scopes?.includes('openid') === false
      ? [{ path: ['scopes'], message: 'expected `openid` among them: it is what makes this a sign-in' }]
      : []),
  ];
}

/** `auth.oidc`. */
export const oidc: v.GenericSchema<unknown, OidcConfig> = v.pipe(
  oidcParts,
  findings(oidcFindings),
  v.transform((parts): OidcConfig => ({
    ...present({ clientId: parts.clientId, clientSecret: parts.clientSecret }),
    issuer: issuerOf(parts) ?? '',
    scopes: parts.scopes ?? presetOf(parts).scopes,
    audience: parts.audience,
    algorithms: parts.algorithms,
    clockToleranceMs: parts.clockTolerance,
    claims: claimsOf(parts.claims, presetOf(parts).claims),
  })),
);

/** `auth.introspection`. */
export const introspection: v.GenericSchema<unknown, IntrospectionConfig> = v.pipe(
  object({
    issuer: issuer(),
    endpoint: maybe(secureUrl(), 'Where tokens are asked about. Absent: what the issuer publishes.'),
    clientId: v.pipe(text('the id of our client there'), v.description('Our client at the authorization server.')),
    clientSecret: v.pipe(secret('the secret of our client'), v.description('Its secret.')),
    audience: verification.audience,
    cache: preset(duration(), '30s', 'For how long an answer is believed.'),
    claims,
  }),
  v.transform(({ cache, claims: written, ...rest }): IntrospectionConfig => ({
    ...present(rest),
    cacheMs: cache,
    claims: claimsOf(written, oidcPresets.other.claims),
  })),
);
