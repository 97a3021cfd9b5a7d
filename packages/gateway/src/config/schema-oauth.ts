/**
 * The schema of `mcpServers.<name>.oauth`: how the gateway comes by tokens for a remote server. What an exchange needs of
 * `auth` is checked in check-across.ts.
 */
import * as v from 'valibot';
import { flag, oneOf, text, texts } from './scalars.ts';
import { findings, maybe, object, present, preset, type Finding } from './schema-parts.ts';
import { httpUrlOf, isLoopbackHost, secureUrl } from './schema-values.ts';
import type { OAuthConfig } from './types-oauth.ts';

/** What proves who the client is. */
const client = {
  clientId: maybe(text(), 'The client that was registered by hand.'),
  clientSecret: maybe(text(), 'Its secret.'),
  privateKey: maybe(text(), 'Its private key (PKCS #8 in PEM, or a JWK), instead of a secret.'),
};

type Client = { readonly [name in keyof typeof client]?: string | undefined };

const exchange = object({
  tokenEndpoint: maybe(
    secureUrl('the https URL of a token endpoint'),
    'Where tokens of callers are exchanged; else the one that the issuer of `auth.oidc` names.',
  ),
  ...client,
  audience: maybe(text(), 'Named besides the resource, for endpoints that know no resources.'),
  subjectTokenType: preset(
    oneOf('access_token', 'jwt', 'id_token'),
    'access_token',
    'As what the token of a caller is shown there.',
  ),
});

const parts = object({
  ...client,
  clientMetadataUrl: maybe(text('a URL'), 'Where the Client ID Metadata Document of this gateway is published.'),
  scopes: preset(texts(), [], 'Always asked for; else what the server says.'),
  grant: preset(
    oneOf('authorization_code', 'client_credentials', 'token_exchange', 'identity_assertion'),
    'authorization_code',
    'A person logs in, the gateway itself is known, or the token of the caller is exchanged.',
  ),
  exchange: maybe(exchange, 'For `token_exchange` and `identity_assertion`: where, and who we are there.'),
  per: preset(oneOf('principal', 'gateway'), 'principal', 'Each caller logs in, or one login serves all.'),
  allowLoopbackHttp: preset(flag(), false, 'Lets authorization servers on this machine be used without TLS.'),
});

type Parts = v.InferOutput<typeof parts>;

export const oauth: v.GenericSchema<unknown, OAuthConfig> = v.pipe(
  parts,
  findings((written) => [...clientFindings(written, []), ...grantFindings(written), ...exchangeFindings(written)]),
  v.transform(({ exchange: written, ...rest }): OAuthConfig => ({
    ...present(rest),
    ...(written !== undefined && { exchange: present(written) }),
  })),
);

function clientFindings({ clientId, clientSecret, privateKey }: Client, path: Finding['path']): Finding[] {
  return [
    ...(clientId === undefined && (clientSecret !== undefined || privateKey !== undefined)
      ? [{ path, message: 'a secret or key needs its `clientId`' }]
      : []),
    ...(clientSecret !== undefined && privateKey !== undefined
      ? [{ path, message: '`clientSecret` and `privateKey` exclude each other' }]
      : []),
  ];
}

function grantFindings({ clientId, exchange: written, grant }: Parts): Finding[] {
  const needsClient = grant === 'client_credentials' || grant === 'identity_assertion';
  const hasEndpoint = grant === 'token_exchange' && written?.tokenEndpoint !== undefined;
  return [
    ...(needsClient && clientId === undefined
      ? [{ path: [], message: `the grant \`${grant}\` needs a \`clientId\`` }]
      : []),
    ...(hasEndpoint && clientId === undefined && written.clientId === undefined
      ? [{ path: ['exchange'], message: 'a `tokenEndpoint` needs the `clientId` that we are there' }]
      : []),
  ];
}

function exchangeFindings({ allowLoopbackHttp, exchange: written, grant, per }: Parts): Finding[] {
  if (!isExchange(grant)) {
    return written === undefined
      ? []
      : [{ path: ['exchange'], message: 'only with `grant: token_exchange` or `grant: identity_assertion`' }];
  }
  const endpoint = written?.tokenEndpoint === undefined ? undefined : httpUrlOf(written.tokenEndpoint);
  const isPlain = endpoint?.protocol === 'http:' && isLoopbackHost(endpoint.hostname);
  return [
    ...(per === 'gateway'
      ? [{ path: ['per'], message: `with \`grant: ${grant}\` each caller has a token of its own` }]
      : []),
    ...(isPlain && !allowLoopbackHttp
      ? [{ path: ['exchange', 'tokenEndpoint'], message: 'without TLS it needs `allowLoopbackHttp: true`' }]
      : []),
    ...(written === undefined ? [] : clientFindings(written, ['exchange'])),
  ];
}

/** A token of the caller is exchanged for one of the server. */
export function isExchange(grant: OAuthConfig['grant']): boolean {
  return grant === 'token_exchange' || grant === 'identity_assertion';
}
