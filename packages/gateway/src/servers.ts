/** The servers of the configuration as each room wants them. */

import { createHash } from 'node:crypto';
import type { CatalogServer, Setup } from './catalog/index.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { isExchange } from './config/schema-oauth.ts';
import { present } from './config/schema-parts.ts';
import type { ExchangeConfig, OAuthConfig } from './config/types-oauth.ts';
import type { OidcConfig } from './config/types-auth.ts';
import type { ExchangePlace, LoginServer } from './logins/index.ts';
import { upstreamTls } from './tls-files.ts';
import type { UpstreamServer } from './upstream/index.ts';

/** Those that are used, in configuration order. */
export function enabledServers(config: Config): readonly ServerConfig[] {
  return config.servers.filter((server) => server.enabled);
}

/** As its children and connections need it. Throws, with key and file in the message, when a certificate cannot be read. */
export function upstreamServer(server: ServerConfig): UpstreamServer {
  const { name, target, isolation, era, idleMs, oauth, sandbox, timeout } = server;
  // Nothing else: whatever stands here and changes ends the children of the server.
  const caged = target.kind === 'stdio' && { sandbox };
  const asked = oauth && { tokens: oauth.per };
  return { name, target: placeOf(name, target), isolation, era, idleMs, timeout, ...caged, ...asked };
}

/** Reads its certificates: throws when that fails. */
function placeOf(name: string, target: ServerConfig['target']): UpstreamServer['target'] {
  if (target.kind === 'stdio') return target;
  const { guessed, headers, kind, tls } = target;
  const url = new URL(target.url);
  const place = { url, headers, ...(tls && { tls: upstreamTls(name, tls) }) };
  // Nothing but WebSocket has those schemes; of the others it is tried which one the server speaks.
  if (kind === 'ws') return { kind, ...place };
  return guessed ? { kind: 'http', ...place, guess: true } : { kind, ...place };
}

/** Those that may ask for tokens. */
export function loginServers(config: Config): readonly LoginServer[] {
  return enabledServers(config).flatMap(({ name, oauth, target }) =>
    // A WebSocket begins as a request over HTTP, and that is what is protected.
    oauth === undefined || target.kind === 'stdio'
      ? []
      : [
          {
            name,
            url: target.url.replace(/^ws/, 'http'),
            ...loginOf(oauth, config.auth.oidc),
            ...(target.tls && { tls: upstreamTls(name, target.tls) }),
          },
        ],
  );
}

/** Without an endpoint of its own an exchange is made where people sign in, and as who we are there. */
function loginOf(
  { exchange, ...oauth }: OAuthConfig,
  oidc: OidcConfig | undefined,
): Pick<LoginServer, 'exchange' | 'oauth'> {
  if (!isExchange(oauth.grant)) return { oauth };
  const {
    audience,
    subjectTokenType = 'access_token',
    tokenEndpoint,
    ...written
  }: Partial<ExchangeConfig> = exchange ?? {};
  const fallback: ExchangePlace['client'] = (tokenEndpoint === undefined ? oidc : oauth) ?? {};
  const { clientId, clientSecret, privateKey } = written.clientId === undefined ? fallback : written;
  return {
    oauth,
    exchange: {
      ...present({ tokenEndpoint, audience, issuer: tokenEndpoint === undefined ? oidc?.issuer : undefined }),
      subjectTokenType,
      client: present({ clientId, clientSecret, privateKey }),
    },
  };
}

/** As the catalogue needs all of them. */
export function catalogSetup(config: Config): Setup {
  return {
    servers: enabledServers(config).map(catalogServer),
    naming: config.naming,
    views: config.views,
    discovery: config.discovery,
  };
}

function catalogServer(server: ServerConfig): CatalogServer {
  const { target } = server;
  const facts =
    target.kind !== 'stdio'
      ? // What it lists is whose token it was asked with.
        [target.url, ...whoseLogin(server)]
      : [target.command, target.args, target.cwd, Object.keys(target.env).toSorted()];
  return {
    ...server,
    tools: server.tools,
    overHttp: target.kind === 'http' || (target.kind === 'sse' && target.guessed),
    fingerprint: createHash('sha256').update(JSON.stringify(facts)).digest('hex'),
  };
}

/** Of a remote server; nothing: it gets no token, but perhaps a credential in its headers. */
function whoseLogin({ oauth }: ServerConfig): readonly string[] {
  if (oauth === undefined) return [];
  return [oauth.grant === 'client_credentials' ? 'gateway' : oauth.per];
}
