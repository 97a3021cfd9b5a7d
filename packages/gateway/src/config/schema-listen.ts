/**
 * The schema of `listen`: where `sallyport serve` listens, and its TLS. Paths are still as written; what `listen` and `auth`
 * ask of each other is in check-across.ts.
 */
import * as v from 'valibot';
import { flag, integer, oneOf, text, texts } from './scalars.ts';
import { laterListen } from './schema-later.ts';
import { findings, maybe, object, present, preset } from './schema-parts.ts';
import type { TlsConfig } from './types-auth.ts';
import type { ListenConfig } from './types.ts';

const pathPattern = /^\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*)?$/;

const tls13Suites = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'] as const;

/** Forward secrecy and authenticated encryption only (RFC 9325 §4.2). */
const tls12Suites = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
] as const;

export const tlsSchema: v.GenericSchema<unknown, TlsConfig> = v.pipe(
  object({
    cert: v.pipe(text('a PEM file'), v.description('The certificate chain, PEM.')),
    key: v.pipe(text('a PEM file'), v.description('Its private key, PEM.')),
    clientCa: maybe(text('a PEM file'), 'Authorities whose client certificates are accepted, PEM.'),
    crl: maybe(text('a PEM file'), 'Their revocation lists, PEM.'),
    minVersion: preset(oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.3', 'The oldest version of TLS.'),
    cipherSuites: preset(
      v.pipe(
        v.array(oneOf(...tls13Suites, ...tls12Suites), 'expected a list of cipher suites'),
        v.minLength(1, 'expected at least one cipher suite'),
      ),
      ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
      'The best first; TLS 1.3 and TLS 1.2 have suites of their own.',
    ),
  }),
  findings(({ clientCa, crl, minVersion, cipherSuites }) => [
    ...(crl !== undefined && clientCa === undefined
      ? [{ path: ['crl'], message: 'needs `clientCa`, whose certificates it revokes' }]
      : []),
    ...(cipherSuites.every((suite) => suite.startsWith('ECDHE-'))
      ? [{ path: ['cipherSuites'], message: `expected a suite of TLS 1.3 among them, such as ${tls13Suites[0]}` }]
      : []),
    ...(minVersion === 'TLSv1.2' && !cipherSuites.some((suite) => suite.startsWith('ECDHE-'))
      ? [{ path: ['minVersion'], message: `needs a suite of TLS 1.2 in \`cipherSuites\`, such as ${tls12Suites[1]}` }]
      : []),
  ]),
  v.transform((value): TlsConfig => present(value)),
);

/** `listen`. */
export const listenSchema: v.GenericSchema<unknown, ListenConfig> = preset(
  v.pipe(
    object({
      host: preset(text('an address or host name'), '127.0.0.1', 'Address to listen on.'),
      port: preset(integer(0, 65_535), 7420, 'Port; 0 = any free one.'),
      path: preset(
        v.pipe(
          v.string(),
          v.check((value) => value.length > 1 && pathPattern.test(value), 'expected a path such as "/mcp"'),
        ),
        '/mcp',
        'Path of the MCP endpoint.',
      ),
      hosts: preset(texts('a list of host names'), [], 'Host header values to accept besides our own.'),
      origins: preset(texts('a list of origins'), [], 'Origins of web pages to accept.'),
      trustProxy: preset(texts('a list of addresses or CIDR blocks'), [], 'Proxies whose headers are believed.'),
      publicUrl: maybe(
        v.pipe(v.string(), v.check(isHttpUrl, 'expected an absolute http or https URL')),
        'The address that clients use, when a proxy is in front.',
      ),
      plainBehindProxy: preset(flag(), false, 'Allow a plain listener beyond loopback: TLS ends in a proxy.'),
      websocket: preset(flag(), true, 'MCP over WebSocket on the same paths.'),
      sse: preset(flag(), true, 'The legacy HTTP+SSE transport on /sse and /messages.'),
      tls: maybe(tlsSchema, 'Serve TLS.'),
      ...laterListen,
    }),
    v.transform(({ workers: _workers, ...rest }): ListenConfig => present(rest)),
  ),
  {},
  'Where `sallyport serve` listens.',
);

function isHttpUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:');
}
