/** The listener: Host and Origin, proxies, TLS, headers, streams that are cut. */
import { server, type Removal } from './removal.ts';

export const LISTENER: readonly Removal[] = [
  {
    protection: 'SES-04 a session is for its principal alone',
    file: server('sessions.ts'),
    find: 'if (session.principal !== principal && session.owner !== principalKey(principal)) return undefined;',
    replace: '',
    tests: server('sessions.test.ts'),
  },
  {
    protection: 'SES-01 the Host header names this gateway',
    file: server('http/listener.ts'),
    find: 'if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {',
    replace: 'if (!shield.originAllowed(origin, host)) {',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'P3-03 a page of another origin may not call',
    file: server('http/listener.ts'),
    find: 'if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {',
    replace: 'if (!shield.hostAllowed(host)) {',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'what a proxy says counts only when it is named',
    file: server('http/forwarded.ts'),
    find: 'if (trusted.length === 0 || address === undefined || !trusts(address)) return { address, secure: false };',
    replace: 'if (address === undefined) return { address, secure: false };',
    tests: server('http/forwarded.test.ts'),
  },
  {
    protection: 'local is nobody behind a proxy',
    file: server('http/shield.ts'),
    find: '      !passedProxy(headers) &&\n',
    replace: '',
    tests: server('http/shield.test.ts'),
  },
  {
    protection: 'P3-14 who would not be let in now is cut off',
    file: server('http/recheck.ts'),
    find: 'if (!response.writableEnded && (now === undefined || !isSameCaller(principal, now))) socket.destroy();',
    replace: '',
    tests: server('http/recheck.test.ts'),
  },
  {
    protection: 'DOS-10 an address has so many connections',
    file: server('http/connections.ts'),
    find: 'return count <= max;',
    replace: 'return true;',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'P4-08 the versions of TLS that may be spoken',
    file: server('http/tls.ts'),
    find: '    minVersion,\n    ciphers',
    replace: '    ciphers',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P4-10 a client certificate that does not hold names nobody',
    file: server('http/tls.ts'),
    find: 'const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;',
    replace: 'const certificate = socket.getPeerX509Certificate();',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P4-10 a revoked client certificate names nobody',
    file: server('http/tls.ts'),
    find: "    ...(crl !== undefined && { crl: blocks(crl, 'X509 CRL') }),\n",
    replace: '',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P3-11 nosniff and its fellows are on every answer',
    file: server('http/headers.ts'),
    find: "  ['X-Content-Type-Options', 'nosniff'],\n",
    replace: '',
    tests: server('http/headers.test.ts'),
  },
  {
    protection: 'P3-11 HSTS is said over TLS',
    file: server('http/headers.ts'),
    find: 'if (this.secure) head += strictTransport;',
    replace: '',
    tests: server('http/headers.test.ts'),
  },
];
