/**
 * The files of `listen.tls`. Whoever may write the authorities of client certificates becomes whom he likes, so these files
 * are read as mounted secrets are: at the start and at every reload, and only when no one but root and us can write them.
 * What is in them is looked at by whoever speaks TLS.
 */

import { readSecretFileSync } from '@sallyport/host';
import type { TlsOptions } from '@sallyport/server';
import type { TlsConfig } from './config/types.ts';

/** Certificates and keys are far smaller; the revocation list of a large authority is not. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What it loads throws, with the file and its mode in the message, when somebody else may write one of them. */
export function tlsOptions(
  { cert, clientCa, cipherSuites, crl, key, minVersion }: TlsConfig,
  requireCertificate: boolean,
): TlsOptions {
  const read = (path: string): Buffer => readSecretFileSync(path, MAX_BYTES);
  return {
    load: () => ({
      cert: read(cert),
      key: read(key),
      ca: clientCa === undefined ? undefined : read(clientCa),
      crl: crl === undefined ? undefined : read(crl),
      minVersion,
      cipherSuites,
    }),
    requireCertificate,
  };
}
