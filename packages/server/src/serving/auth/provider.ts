/**
 * The seam of authentication for authors: a kind, and what it makes of the parts that a served server has. A plain function
 * from a credential to a principal is one as well. Types and the two smallest of them.
 */

import type { IncomingMessage } from 'node:http';
import type { Credentials, Verify } from '../../auth/authenticate.ts';
import type { FailureLimit } from '../../auth/failures.ts';
import type { Proof, Prove, Proved } from '../../auth/proof.ts';
import type { ProtectedResources } from '../../auth/protected-resource.ts';
import type { BrowserIdentity } from '../../browser/types.ts';
import type { Principal } from '../../exchange.ts';
import type { PublicRoute } from '../../http/arrival.ts';
import type { Log } from '../log.ts';
import { isThenable } from '../../framework/thenable.ts';
import { verifiedFrom } from './principal.ts';

/** What a provider may use. */
export interface AuthParts {
  /** True for a request made on this machine, straight to this server. */
  readonly isLocal: (request: IncomingMessage) => boolean;
  /** It came over TLS, to us or to a trusted proxy that says so. Known for requests of this server alone. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** Failed attempts of addresses, all providers together. */
  readonly failures: FailureLimit;
  /** Which audiences are good for which path. */
  readonly resources: ProtectedResources;
  /** The URLs under which clients reach this server, without a path; the one that is named first. */
  readonly bases: () => readonly string[];
  /** OAuth scopes that every token needs. */
  readonly scopes: readonly string[];
  /** Paths at which people at browsers are served. */
  readonly browserPaths: readonly string[];
  readonly publicUrl: URL | undefined;
  readonly openToStrangers: boolean;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: (size: number) => Buffer;
}

/** A provider at work. */
export interface OpenAuth {
  /** Undefined: what is shown is not of this kind. */
  readonly prove: Prove;
  /** Issuers of the access tokens that it takes, for the metadata of the resource (RFC 9728). */
  readonly authorizationServers?: () => readonly string[];
  /** What answers at a path without a credential: pages to sign in at, registration. */
  readonly route?: (path: string) => PublicRoute | undefined;
  /** Who sits at a browser, for routes of people. */
  readonly browser?: BrowserIdentity;
  /** Takes over what other processes changed; runs twice a second. */
  readonly refresh?: () => Promise<void>;
  readonly close?: () => Promise<void>;
}

export interface AuthProvider {
  /** `apiKey`, `jwt` and the like. */
  readonly kind: string;
  /** Rejects with an error for a person when it cannot be used. */
  open(parts: AuthParts): OpenAuth | Promise<OpenAuth>;
}

/** The user of this machine, where no credential is asked for. */
export const LOCAL: Principal = Object.freeze({ issuer: 'local', subject: 'local', roles: Object.freeze([]) });

/** Somebody elsewhere, where no credential is asked for. */
const STRANGER: Principal = Object.freeze({ issuer: 'stranger', subject: 'stranger', roles: Object.freeze([]) });

/** No credential: whoever is on this machine is its user, and nobody else comes in unless the server is open to strangers. */
export function none(): AuthProvider {
  return {
    kind: 'none',
    open: ({ openToStrangers }) => ({
      prove: (credentials) => {
        if (credentials.local) return LOCAL_PROOF;
        return openToStrangers ? STRANGER_PROOF : undefined;
      },
    }),
  };
}

const LOCAL_PROOF: Proof = { principal: LOCAL, holds: ({ local }) => local };
const STRANGER_PROOF: Proof = { principal: STRANGER, holds: ({ local }) => !local };

/** A function of the author as a provider. */
export function providerOf(auth: AuthProvider | Verify): AuthProvider {
  if (typeof auth !== 'function') return auth;
  return {
    kind: 'custom',
    open: () => ({
      prove: (credentials: Credentials): Proved | Promise<Proved> => {
        const found: unknown = auth(credentials);
        return isThenable(found) ? Promise.resolve(found).then(verifiedFrom) : verifiedFrom(found);
      },
    }),
  };
}
