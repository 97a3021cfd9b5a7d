/**
 * Authentik: its access tokens, and, where it is wanted, the registration of clients by themselves (RFC 7591), which Authentik
 * lacks. Registration is for who has an initial access token (RFC 7591 §3); what is registered is checked; the token for
 * Authentik's own API leaves for that API alone. Registered clients are providers of their own there, all with one issuer.
 */

import { badOption } from '../errors.ts';
import type { AuthentikOptions } from './authentik-options.ts';
import type { OidcProvider } from './presets.ts';
import { base, made, segment } from './presets.ts';
import type { AuthProvider } from './provider.ts';
import { jwt } from './tokens.ts';

/** One application of Authentik as a provider, for `oidc` and `session`. */
export function authentikProvider({
  clientId,
  slug,
  url,
}: Pick<AuthentikOptions, 'clientId' | 'slug' | 'url'>): OidcProvider {
  const claims = { roles: 'roles', groups: 'groups' };
  return made('Authentik', `${base(url)}/application/o/${segment(slug)}/`, { audience: [clientId], claims });
}

/**
 * Access tokens of Authentik. With `registration` its provider must have the issuer mode `global`, because registered clients
 * have providers of their own. Throws a ServeError for options that cannot be used.
 */
export function authentik(options: AuthentikOptions): AuthProvider {
  const { clientId, registration, url } = options;
  const provider = authentikProvider(options);
  const { algorithms = provider.algorithms, clockToleranceMs } = options;
  // Registered clients are added while it runs; who verifies a token reads the list each time.
  const audience = [clientId];
  const given = {
    ...(clockToleranceMs !== undefined && { clockToleranceMs }),
    ...(options.fetch && { fetch: options.fetch }),
  };
  const { claims, issuer } = provider;
  if (registration === undefined)
    return { ...jwt({ ...given, issuer, audience, algorithms, claims }), kind: 'authentik' };
  const weak = registration.initialAccessTokens.find((token) => token.length < MIN_TOKEN_LENGTH);
  if (weak !== undefined || registration.initialAccessTokens.length === 0) {
    throw badOption('authentik: initialAccessTokens', `there must be one, of ${MIN_TOKEN_LENGTH} characters at least`);
  }
  const global = `${base(url)}/`;
  const tokens = jwt({ ...given, issuer: global, audience, algorithms, claims, jwks: `${issuer}jwks/` });
  return {
    kind: 'authentik',
    open: async (parts) => {
      const { openRegistration } = await import('./authentik-registration.ts');
      const opened = await tokens.open(parts);
      const added = await openRegistration({ ...options, registration, audience, issuer, parts });
      // Clients are told of this server as their authorization server: it alone knows where to register.
      return { ...opened, authorizationServers: () => [new URL(parts.bases()[0] as string).origin], ...added };
    },
  };
}

const MIN_TOKEN_LENGTH = 32;
