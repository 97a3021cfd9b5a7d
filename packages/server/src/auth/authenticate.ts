/**
 * The seam of authentication: what a credential is judged by, and what is found. One file beside this one for each way of
 * proving who one is; chain.ts tries them in order. No request is read here.
 */

import type { WireError } from '@sallyport/wire';
import type { Principal } from '../exchange.ts';

/** What a credential is judged by. */
export interface Credentials {
  /** The `Authorization` header; two of them are joined by a comma and are no credential. */
  readonly authorization: string | undefined;
  /** The certificate that the peer proved to hold and that chains to the configured authorities; undefined without one. */
  readonly certificate: ClientCertificate | undefined;
  /** The connection, as something to remember it by. */
  readonly connection: object;
  /** True for a request made on this machine, straight to this listener. */
  readonly local: boolean;
  /** The client's network address, behind trusted proxies the one that they name. */
  readonly address: string | undefined;
  /** The path that is asked for, as it was sent, without its query. */
  readonly path: string;
  /** The Host header, which is one of ours. */
  readonly host?: string | undefined;
}

/** Of a certificate, what names its holder. Common names are not looked at. */
export interface ClientCertificate {
  /** SHA-256 of the certificate, hexadecimal in lower case. */
  readonly fingerprint: string;
  /** `subjectAltName` entries, each with its type: `URI:spiffe://…`, `DNS:…`, `email:…`. */
  readonly subjectAltNames: readonly string[];
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
}

export interface Unauthenticated {
  readonly error: WireError;
  /** `WWW-Authenticate` and the like. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Authenticated = Principal | Unauthenticated;

/** Answers at once for a credential that is known, so that a call costs no turn of the event loop. */
export type Authenticate = (credentials: Credentials) => Authenticated | Promise<Authenticated>;

/** Why a credential is not accepted. `detail` is for the log. */
export interface Rejected {
  readonly problem: 'invalid' | 'insufficient_scope' | 'unavailable';
  readonly detail: string;
}

/** One way of proving who one is. Undefined: nothing that was shown is of this way, another may know it. */
export type Verify = (credentials: Credentials) => Verified | Promise<Verified>;
export type Verified = Principal | Rejected | undefined;
