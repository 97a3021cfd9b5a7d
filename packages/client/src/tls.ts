/**
 * TLS with one configured server: its own authority, a client certificate and the pin of its key. There is no way here not to
 * verify: a pin is looked at after the certificate was found good, and before anything is said.
 */

import { hash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import type { TlsFiles } from './upstream.ts';

/** What of Node's options decides whom is trusted. */
export type TlsRules = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'checkServerIdentity' | 'rejectUnauthorized'>;

const PIN_MISMATCH = 'ERR_TLS_PIN_MISMATCH';

export function tlsRules({ ca, cert, key, pin }: TlsFiles): TlsRules {
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(pin !== undefined && {
      // Called when the chain holds. A session that is resumed is of a connection that was looked at by the same rules.
      checkServerIdentity: (host, certificate) =>
        checkServerIdentity(host, certificate) ?? pinProblem(certificate, pin),
    }),
  };
}

/** What is wrong with the certificate of the other side, or with ours, and what to do; undefined: the error is another. */
export function tlsProblem(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return undefined;
  if (code === PIN_MISMATCH) return error.message;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another host: ${error.message} (${code}). Write a host that it names into the URL.`;
  }
  if (code === 'CERT_HAS_EXPIRED') return `its certificate has expired (${code}). It must be renewed there.`;
  if (UNTRUSTED.has(code)) {
    return `its certificate is of no authority that is trusted here (${code}). If it is the right one, name its authority in tls.ca.`;
  }
  const said = `${error.message} (${code}).`;
  if (/^(?:CERT_|CRL_|INVALID_(?:CA|PURPOSE)$|PATH_LENGTH_)/.test(code))
    return `its certificate does not hold: ${said}`;
  return /^ERR_(?:SSL|OSSL|TLS)_/.test(code) ? `TLS failed: ${said} Check tls.ca, tls.cert and tls.key.` : undefined;
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
]);

function pinProblem({ raw }: PeerCertificate, pin: string): Error | undefined {
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' });
  const found = `sha256/${hash('sha256', spki, 'base64')}`;
  if (found === pin) return undefined;
  const text = `its key is ${found}, not the one of tls.pin. If it was changed on purpose, write the new pin.`;
  return Object.assign(new Error(text), { code: PIN_MISMATCH });
}
