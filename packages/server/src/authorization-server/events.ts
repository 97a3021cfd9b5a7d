/** What happens at the authorization server that a log or an audit wants to know. Nothing in it is a secret. */

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../exchange.ts';

/** `client` is the id of the client. */
export type AuthorizationEventBody =
  /** By itself; the name is its own word. */
  | { readonly kind: 'registered'; readonly client: string; readonly name: string | undefined }
  | {
      readonly kind: 'approved' | 'denied';
      readonly client: string;
      readonly principal: Principal;
      readonly scopes: readonly string[];
      readonly resource: string;
    }
  | {
      readonly kind: 'issued';
      readonly client: string;
      readonly principal: Principal;
      readonly by: 'authorization_code' | 'refresh_token';
    }
  | { readonly kind: 'revoked'; readonly client: string }
  /** What is good once came again, or from another client, or without its proof. Its grant has ended. */
  | {
      readonly kind: 'misused';
      readonly what: 'code' | 'refresh_token';
      readonly client: string;
      readonly principal: Principal;
    }
  /** `detail` is what the client or the person was told. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'failed'; readonly detail: string };

export type AuthorizationEvent = AuthorizationEventBody & {
  /** The client's network address, or the person's. */
  readonly address: string | undefined;
};

/** Must not throw. */
export type Report = (request: IncomingMessage, event: AuthorizationEventBody) => void;
