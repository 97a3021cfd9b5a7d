/** What is to be known of an Authentik. Types alone. */

import type { Records } from '../../records.ts';
import type { JwtSettings } from './tokens.ts';

export interface AuthentikRegistration {
  /** For Authentik's API: of a service account that may add providers and applications, and nothing else. */
  readonly apiToken: string;
  /** Their primary keys (UUID). */
  readonly authorizationFlow: string;
  readonly invalidationFlow: string;
  /** The certificate that signs: that of the application in `slug`. */
  readonly signingKey: string;
  /** Scope mappings by primary key, such as those of `openid` and `profile`. */
  readonly propertyMappings?: readonly string[];
  /** Of 32 characters at least. Whoever has one may register clients. */
  readonly initialAccessTokens: readonly string[];
  /** Where it is kept which clients there are. Memory: after a restart their tokens are not known any more. */
  readonly records?: Records;
  /** Registrations of one address in a minute. 5. */
  readonly perMinute?: number;
  /** Clients in all. 200. */
  readonly maxClients?: number;
}

export interface AuthentikOptions extends Pick<JwtSettings, 'algorithms' | 'clockToleranceMs' | 'fetch'> {
  /** Of Authentik, without a path. */
  readonly url: string;
  /** Of the application. */
  readonly slug: string;
  /** The client id of its provider: the audience of its tokens. */
  readonly clientId: string;
  readonly registration?: AuthentikRegistration;
}
