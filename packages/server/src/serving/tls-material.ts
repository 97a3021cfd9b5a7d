/** What `https` was given as what the listener loads: PEM as it is, or from files that are looked at again at intervals. */

import { readFileSync, statSync } from 'node:fs';
import { TLS_CIPHER_SUITES, type TlsOptions } from '../http/tls-options.ts';
import type { HttpsOptions } from './options.ts';

const RELOAD_MS = 60_000;

export function tlsOptionsOf(https: HttpsOptions, requireCertificate: boolean): TlsOptions {
  const { cert, clientCa, crl, key, minVersion = 'TLSv1.3' } = https;
  return {
    load: () => ({
      cert: contentOf(cert),
      key: contentOf(key),
      ca: clientCa && contentOf(clientCa),
      crl: crl && contentOf(crl),
      minVersion,
      cipherSuites: minVersion === 'TLSv1.3' ? TLS_CIPHER_SUITES : [...TLS_CIPHER_SUITES, ...TLS12_SUITES],
    }),
    requireCertificate,
  };
}

/** With forward secrecy and authenticated encryption, and nothing else (RFC 9325 §4.2). */
const TLS12_SUITES = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'];

/** Calls back when one of the files has changed. What is returned ends that. */
export function watchTls(
  { cert, clientCa, crl, key, reloadMs = RELOAD_MS }: HttpsOptions,
  changed: () => void,
): () => void {
  const files = [cert, key, clientCa, crl].filter((each) => typeof each === 'string' && !isPem(each)) as string[];
  if (files.length === 0 || reloadMs === 0) return () => {};
  let before = stampsOf(files);
  const timer = setInterval(() => {
    const now = stampsOf(files);
    if (now === before) return;
    before = now;
    changed();
  }, reloadMs).unref();
  return () => clearInterval(timer);
}

function contentOf(given: string | Buffer): string | Buffer {
  return typeof given === 'string' && !isPem(given) ? readFileSync(given) : given;
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** A file that is not there is in the midst of being replaced. */
function stampsOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stamp = statSync(file, { throwIfNoEntry: false });
      return stamp === undefined ? '' : `${stamp.mtimeMs} ${stamp.size} ${stamp.ino}`;
    })
    .join();
}
