/**
 * What an author can have set up wrongly, in one table: a stable code, and the text with what to do next. Nothing of it ever
 * leaves on the wire; the errors that do are in the wire package's table.
 */

export const SERVE_ERRORS = {
  nothing_to_serve: 'No transport was asked for. Pass `stdio: true`, `http: true` or `https: { key, cert }`.',
  open_without_auth:
    'would let anybody in from the network. Pass `auth`, listen on 127.0.0.1, or, if strangers are meant to come, say `openToStrangers: true`.',
  open_without_tls:
    'is reachable from the network and would speak plain HTTP. Pass `https: { key, cert }`, listen on 127.0.0.1, or put a TLS proxy in front and say `plainBehindProxy: true`.',
  dev_in_production:
    '`dev()` lets anybody on this machine be whom you say. It is refused when NODE_ENV is production: pass another way of authentication.',
  dev_beyond_loopback: '`dev()` is for this machine alone. Listen on 127.0.0.1, or pass another way of authentication.',
  mtls_without_ca: '`mtls()` needs `https: { clientCa }`, the authorities whose client certificates are accepted.',
  mount_needs_public_url:
    'A mounted server does not know its own address, which is the audience of access tokens. Pass `publicUrl`.',
  not_for_tokens:
    'gives access tokens that only itself can read. Use it for people at browsers: `session({ provider })`.',
  bad_option: 'cannot be used.',
} as const;

export type ServeErrorCode = keyof typeof SERVE_ERRORS;

/** A server that was not started, or a provider that cannot be used. The message is for the author. */
export class ServeError extends Error {
  readonly code: ServeErrorCode;

  /** `what` stands before the text of the table. */
  constructor(code: ServeErrorCode, what = '', options?: ErrorOptions) {
    super(what === '' ? SERVE_ERRORS[code] : `${what} ${SERVE_ERRORS[code]}`, options);
    this.name = 'ServeError';
    this.code = code;
  }
}

/** An option of which is said what is the matter. */
export function badOption(option: string, problem: string): ServeError {
  return new ServeError('bad_option', `${option}: ${problem}; it`);
}
