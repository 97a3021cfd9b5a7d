/** An answer that says no, in the words of OAuth (RFC 6749 §4.1.2.1 and §5.2, RFC 7009 §2.2.1, RFC 8707 §2, RFC 6750 §3.1). */

export type OAuthErrorCode =
  | 'access_denied'
  | 'invalid_client'
  | 'invalid_client_metadata'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_token'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'unsupported_grant_type'
  | 'unsupported_response_type';

export interface OAuthErrorFacts {
  /** 400 unless said otherwise. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export class OAuthError extends Error {
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** The message is for the client, and fit for a stranger. */
  constructor(code: OAuthErrorCode, message: string, { status = 400, headers = {} }: OAuthErrorFacts = {}) {
    super(message);
    this.name = 'OAuthError';
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}
