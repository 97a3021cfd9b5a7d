/**
 * TLS in front of an HTTP server, on its own port: the first byte of a connection tells TLS from plain HTTP, which is
 * let in as well, for whoever answers it to send it here. Client certificates are asked for when there is an authority for
 * them. Versions and suites are those of the options (RFC 8446). It answers nothing itself: what goes wrong before a
 * handshake is done ends without a word.
 */

import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import {
  createServer,
  getCiphers,
  type SecureContextOptions,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import type { ClientCertificate } from '../auth/authenticate.ts';
import { readClientCertificate } from './client-certificate.ts';
import type { TlsMaterial, TlsOptions } from './tls-options.ts';

export interface TlsFront {
  /** The certificate that the client of a socket proved to hold, if it holds good. */
  certificateOf(socket: Socket): ClientCertificate | undefined;
  /**
   * Loads again, for the connections to come. Throws, and leaves all as it was, when what is loaded cannot be used. True
   * when other client certificates may hold now.
   */
  reload(): boolean;
  /** Ends the connections on which nothing but TLS was spoken yet. */
  close(): void;
}

export interface TlsFrontOptions extends TlsOptions {
  /** How long a connection may take until HTTP is spoken. */
  readonly handshakeMs: number;
  /** False for a connection that is not let in. */
  readonly admit: (socket: Socket) => boolean;
}

/** The type of the record that begins every TLS connection: a handshake (RFC 8446 §5.1). */
const HANDSHAKE = 0x16;

/**
 * Puts TLS before a server: what listened for its connections gets them when it is known what they speak. Throws when what
 * is loaded cannot be used.
 */
export function openTlsFront(server: Server, options: TlsFrontOptions): TlsFront {
  const { admit, handshakeMs, load, requireCertificate } = options;
  let material = load();
  const certificates = new WeakMap<Socket, ClientCertificate>();
  const greeting = new Greeting(handshakeMs);
  const serving = server.listeners('connection');
  const begin = (socket: Socket): void => {
    greeting.end(socket);
    for (const listener of serving) listener.call(server, socket);
  };
  const secure = createServer({
    ...contextOf(material),
    requestCert: material.ca !== undefined,
    // Who shows none that holds is let in without an identity, or is not: that is decided below.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  secure.on('secureConnection', (socket: TLSSocket) => {
    const certificate = certificateOf(socket);
    if (certificate !== undefined) certificates.set(socket, certificate);
    if (certificate !== undefined || !requireCertificate) begin(socket);
    else socket.destroy();
  });
  secure.on('tlsClientError', (_error: Error, socket: TLSSocket) => void socket.destroy());
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (!admit(socket)) socket.destroy();
    else {
      greeting.begin(socket, (first) => {
        if (first === HANDSHAKE) secure.emit('connection', socket);
        else begin(socket);
      });
    }
  });
  return {
    certificateOf: (socket) => certificates.get(socket),
    reload: () => {
      const next = load();
      const changed = trustChanged(material, next);
      use(secure, material, next);
      material = next;
      // What is being shaken hands with was promised by the old ones.
      if (changed) greeting.cut();
      return changed;
    },
    close: () => greeting.cut(),
  };
}

/** The connections on which no HTTP was spoken yet. */
class Greeting {
  readonly #timeoutMs: number;
  /** By the peer's end: the socket that TLS is spoken with is another object than the one that was accepted. */
  readonly #sockets: Map<string, { readonly socket: Socket; readonly timer: NodeJS.Timeout }> = new Map();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Calls back with the first byte, which stays to be read. */
  begin(socket: Socket, then: (first: number) => void): void {
    const key = peerOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#timeoutMs);
    this.#sockets.set(key, { socket, timer });
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#sockets.get(key)?.socket === socket) this.#forget(key);
    });
    socket.once('readable', () => {
      const bytes = socket.read() as Buffer | null;
      const first = bytes?.[0];
      if (bytes === null || first === undefined) socket.destroy();
      else {
        socket.unshift(bytes);
        then(first);
      }
    });
  }

  /** HTTP is spoken from now on. */
  end(socket: Socket): void {
    this.#forget(peerOf(socket));
  }

  #forget(key: string): void {
    clearTimeout(this.#sockets.get(key)?.timer);
    this.#sockets.delete(key);
  }

  cut(): void {
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Undefined without one, and for one that does not lead to an authority, is revoked, has expired or is none of a client. */
function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate && readClientCertificate(certificate);
}

/** Throws when one of the parts cannot be used: node:tls takes some that it does not understand for absent. */
function contextOf({ ca, cert, cipherSuites, crl, key, minVersion }: TlsMaterial): SecureContextOptions {
  const certificate = parsed('certificate', () => new X509Certificate(cert));
  if (!certificate.checkPrivateKey(parsed('private key', () => createPrivateKey(key)))) {
    throw new Error('The private key is not that of the certificate.');
  }
  const known = new Set(getCiphers());
  const unknown = cipherSuites.find((suite) => !known.has(suite.toLowerCase()));
  if (unknown !== undefined) throw new Error(`The cipher suite ${JSON.stringify(unknown)} is not known.`);
  if (cipherSuites.length === 0) throw new Error('No cipher suite is named.');
  if (crl !== undefined && ca === undefined) throw new Error('There is a revocation list, and no authority for it.');
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    // What is resumed was verified in the past.
    ...(ca !== undefined && { ca: authorities(ca), secureOptions: constants.SSL_OP_NO_TICKET }),
    ...(crl !== undefined && { crl: blocks(crl, 'X509 CRL') }),
    minVersion,
    ciphers: cipherSuites.join(':'),
  };
}

function authorities(pem: string | Buffer): string[] {
  const found = blocks(pem, 'CERTIFICATE');
  for (const each of found) {
    const { ca } = parsed('authority of client certificates', () => new X509Certificate(each));
    if (!ca) throw new Error('What stands for the authority of client certificates is the certificate of none.');
  }
  return found;
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`The ${what} cannot be read: it must be in PEM, and not encrypted.`, { cause });
  }
}

/** Each of the things in a PEM text. There is one at least: absent to node:tls, it would be all that it knows. */
function blocks(pem: string | Buffer, label: string): string[] {
  const found = pem.toString('latin1').match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g'));
  if (found === null) throw new Error(`There is no ${label} in what should hold one, in PEM.`);
  return [...found];
}

function use(secure: TlsServer, before: TlsMaterial, next: TlsMaterial): void {
  if ((before.ca === undefined) !== (next.ca === undefined)) {
    throw new Error('Whether client certificates are asked for is decided at the start.');
  }
  secure.setSecureContext(contextOf(next));
}

function trustChanged(before: TlsMaterial, next: TlsMaterial): boolean {
  return String(before.ca) !== String(next.ca) || String(before.crl) !== String(next.crl);
}
