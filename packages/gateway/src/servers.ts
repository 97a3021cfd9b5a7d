/** The servers of the configuration as each room wants them. */

import { createHash } from 'node:crypto';
import type { CatalogServer, Setup } from './catalog/index.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { isExchange } from './config/schema-oauth.ts';
import { present } from './config/schema-parts.ts';
import type { ExchangeConfig, OAuthConfig } from './config/types-oauth.ts';
import type { OidcConfig } from './config/types-auth.ts';
import type { ExchangePlace, LoginServer } from './logins/index.ts';
import { ownCatalogServer } from './wiring/saved-tools.ts';
import { upstreamTls } from './wiring/tls-files.ts';
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
  // It costs nothing while it is not used.
  const idle = target.kind === 'openapi' ? 0 : idleMs;
  return { name, target: placeOf(name, target), isolation, era, idleMs: idle, timeout, ...caged, ...asked };
}

/** Reads its certificates: throws when that fails. */
function placeOf(name: string, target: ServerConfig['target']): UpstreamServer['target'] {
  if (target.kind === 'stdio' || target.kind === 'openapi') return target;
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
    oauth === undefined || target.kind === 'stdio' || target.kind === 'openapi'
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
  const own = ownCatalogServer(config.tools);
  return {
    servers: [...enabledServers(config).map(catalogServer), ...(own === undefined ? [] : [own])],
    naming: config.naming,
    views: config.views,
    discovery: config.discovery,
  };
}

function catalogServer(server: ServerConfig): CatalogServer {
  const { target } = server;
  return {
    ...server,
    tools: server.tools,
    overHttp: target.kind === 'http' || (target.kind === 'sse' && target.guessed),
    fingerprint: createHash('sha256')
      .update(JSON.stringify(factsOf(server)))
      .digest('hex'),
  };
}

/** What must stay the same for what it has listed to count. */
function factsOf(server: ServerConfig): readonly unknown[] {
  const { target } = server;
  if (target.kind === 'stdio') return [target.command, target.args, target.cwd, Object.keys(target.env).toSorted()];
  if (target.kind === 'openapi') return [target.document, target.hash, target.operations];
  // What it lists is whose token it was asked with.
  return [target.url, ...whoseLogin(server)];
}

/** Of a remote server; nothing: it gets no token, but perhaps a credential in its headers. */
function whoseLogin({ oauth }: ServerConfig): readonly string[] {
  if (oauth === undefined) return [];
  return [oauth.grant === 'client_credentials' ? 'gateway' : oauth.per];
}
