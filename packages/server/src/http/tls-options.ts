/** What a listener needs to speak TLS. Types and constants alone: what speaks it is loaded when it is asked for. */

export interface TlsOptions {
  /**
   * Gives what the files hold now. Asked when the listener begins and at every reload. Whether there is a `ca` must not
   * change from one time to the next.
   */
  readonly load: () => TlsMaterial;
  /** Without a certificate that holds there is no connection. Else there is one without an identity. */
  readonly requireCertificate: boolean;
}

export interface TlsMaterial {
  /** PEM: our certificate, followed by those that lead to its authority. */
  readonly cert: string | Buffer;
  /** PEM: its private key. */
  readonly key: string | Buffer;
  /** PEM: the authorities of client certificates; without it none are asked for. */
  readonly ca?: string | Buffer | undefined;
  /** PEM: the revocation lists of all of them. One that is missing or out of date lets none of its certificates in. */
  readonly crl?: string | Buffer | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly cipherSuites: readonly string[];
}

export const TLS_CIPHER_SUITES: readonly string[] = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
