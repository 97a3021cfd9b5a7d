/**
 * Client certificates as a way of proving who one is. That the peer holds the key, and that the certificate chains to the
 * configured authorities, is not revoked and is meant for clients, the listener has checked (http/tls.ts). Who it names is
 * its subjectAltName alone: a common name is text that anybody may have been given.
 */

import type { Principal } from '../exchange.ts';
import type { ClientCertificate } from './authenticate.ts';
import type { Proof, Prove } from './proof.ts';

/** The issuer of these principals: no URL, so no token can claim it. */
export const CERTIFICATE_ISSUER = 'mtls';

/** In the order of preference. */
const NAMING = ['URI:', 'email:', 'DNS:'] as const;

export function createCertificateVerify(now: () => number): Prove {
  // One object as long as the certificate is the same: who compares principals sees at once that it is the same.
  const proofs = new WeakMap<ClientCertificate, Proof>();
  return ({ certificate }) => {
    if (certificate === undefined) return undefined;
    const known = proofs.get(certificate);
    if (known !== undefined && certificate.notAfterMs > now()) return known;
    if (certificate.notAfterMs <= now()) return { problem: 'invalid', detail: 'the client certificate has expired' };
    const principal = principalOf(certificate);
    if (principal === undefined) {
      return { problem: 'invalid', detail: 'the client certificate names nobody in its subjectAltName' };
    }
    const { fingerprint, notAfterMs } = certificate;
    const proof: Proof = {
      principal,
      holds: (credentials) => credentials.certificate?.fingerprint === fingerprint && notAfterMs > now(),
    };
    proofs.set(certificate, proof);
    return proof;
  };
}

function principalOf({ subjectAltNames }: ClientCertificate): Principal | undefined {
  for (const prefix of NAMING) {
    const name = subjectAltNames.find((each) => each.startsWith(prefix));
    if (name === undefined || name.length === prefix.length) continue;
    return {
      issuer: CERTIFICATE_ISSUER,
      subject: name.slice(prefix.length),
      roles: [],
      claims: { san: [...subjectAltNames] },
    };
  }
  return undefined;
}
