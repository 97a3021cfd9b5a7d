/**
 * What a client certificate says of its holder: its subjectAltName and nothing else (RFC 6125 §6.4.4 gave up common
 * names). That it is genuine was found out by TLS; whose it is, is for authentication to say.
 */

import type { X509Certificate } from 'node:crypto';
import type { ClientCertificate } from '../auth/authenticate.ts';

/** id-kp-clientAuth (RFC 5280 §4.2.1.12). */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Undefined for a certificate that does not say that it is one of a client. */
export function readClientCertificate(certificate: X509Certificate): ClientCertificate | undefined {
  // What node:crypto calls the key usage is the extended one; undefined when there is none.
  const usages: readonly string[] | undefined = certificate.keyUsage;
  if (!(usages ?? []).includes(CLIENT_AUTH)) return undefined;
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subjectAltNames: readSubjectAltNames(certificate.subjectAltName),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/**
 * One entry as node:crypto writes it: a value with anything odd in it (a comma, a quote, a control character) is a JSON
 * string, so that no value can look like two entries.
 */
const ENTRY = /(?:^|(?!^), )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",\\]*))(?=, |$)/y;
const TYPES: ReadonlySet<string> = new Set(['URI', 'DNS', 'email']);

/** The names of the types that may name a client. A list that is not understood to its end names nobody. */
export function readSubjectAltNames(list: string | undefined): readonly string[] {
  if (list === undefined || list === '') return [];
  const names: string[] = [];
  const entries = new RegExp(ENTRY);
  while (entries.lastIndex < list.length) {
    const [, type, quoted, plain] = entries.exec(list) ?? [];
    if (type === undefined) return [];
    const value = quoted === undefined ? plain : unquoted(quoted);
    if (value === undefined) return [];
    if (TYPES.has(type)) names.push(`${type}:${value}`);
  }
  return names;
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
