/**
 * What is known of OpenID providers: where their issuer stands, what to ask them for, and where they say which roles and
 * groups somebody has. A preset only fills in what the configuration leaves out.
 */
import type { ClaimNames } from './types-auth.ts';

export interface OidcPreset {
  /** The issuer, where it is the same for all; of `microsoft` it follows from the tenant. */
  readonly issuer?: string;
  /** What an issuer of this kind looks like. */
  readonly example: string;
  readonly scopes: readonly string[];
  readonly claims: ClaimNames;
}

const usual = ['openid', 'profile', 'email'];

export const presetNames = ['authentik', 'keycloak', 'auth0', 'okta', 'google', 'microsoft'] as const;

/** By name; `other` is what holds without a preset. */
export const oidcPresets: Readonly<Record<(typeof presetNames)[number] | 'other', OidcPreset>> = {
  authentik: {
    example: 'https://authentik.example.com/application/o/sallyport/',
    scopes: usual,
    claims: { roles: 'roles', groups: 'groups' },
  },
  keycloak: {
    example: 'https://keycloak.example.com/realms/acme',
    scopes: usual,
    // `groups` needs a group membership mapper; realm roles are there from the start.
    claims: { roles: 'realm_access.roles', groups: 'groups' },
  },
  auth0: {
    example: 'https://acme.eu.auth0.com/',
    scopes: usual,
    // With "Add Permissions in the Access Token"; any other claim has a name of its own there (a URL).
    claims: { roles: 'permissions', groups: 'groups' },
  },
  okta: {
    example: 'https://acme.okta.com',
    // Okta gives groups only to those who ask for them.
    scopes: [...usual, 'groups'],
    claims: { roles: 'roles', groups: 'groups' },
  },
  google: {
    issuer: 'https://accounts.google.com',
    example: 'https://accounts.google.com',
    scopes: usual,
    claims: { roles: 'roles', groups: 'groups' },
  },
  microsoft: {
    example: 'https://login.microsoftonline.com/<tenant>/v2.0',
    scopes: usual,
    claims: { roles: 'roles', groups: 'groups' },
  },
  other: { example: 'https://id.example.com', scopes: usual, claims: { roles: 'roles', groups: 'groups' } },
};

/** The issuer of a tenant (a GUID) at Microsoft: its tokens name the id, never a domain. */
export function microsoftIssuer(tenant: string): string {
  return `https://login.microsoftonline.com/${tenant}/v2.0`;
}
