/**
 * The token of an `Authorization: Bearer` header (RFC 6750 §2.1). The name of the scheme is read in any case
 * (RFC 9110 §11.1). Credentials in a query, a cookie or a body are not looked at anywhere.
 */

/** Printable ASCII but the comma: several headers arrive joined by one, and are no token. */
const BEARER = /^bearer +([\x21-\x2b\x2d-\x7e]+)$/i;

/** Undefined for another scheme, and for what is no token. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
}
