/**
 * The files of `listen.tls` and of the `tls` of remote servers. Whoever may write the authorities of client certificates becomes whom he likes, and of a server's becomes that server, so these files
 * are read as mounted secrets are: at the start and at every reload, and only when no one but root and us can write them.
 * What is in them is looked at by whoever speaks TLS.
 */

import type { TlsFiles } from '@sallyport/client';
import { readSecretFileSync } from '@sallyport/host';
import type { TlsOptions } from '@sallyport/server';
import type { TlsConfig } from '../config/types-auth.ts';
import type { UpstreamTlsConfig } from '../config/types-server.ts';

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

/** What is in the files of one remote server. Throws as the loading of the others does, with the key besides. */
export function upstreamTls(server: string, { pin, ...paths }: UpstreamTlsConfig): TlsFiles {
  const read = ([key, path]: [string, string]): [string, string] => {
    try {
      return [key, readSecretFileSync(path, MAX_BYTES).toString('utf8')];
    } catch (error) {
      throw new Error(`mcpServers.${server}.tls.${key}: ${(error as Error).message}`, { cause: error });
    }
  };
  return { ...Object.fromEntries(Object.entries(paths).map(read)), ...(pin !== undefined && { pin }) };
}
