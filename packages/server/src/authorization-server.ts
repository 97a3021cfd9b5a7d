/** The gateway's own authorization server. A subpath: most gateways trust another one, or have only keys. */

export type { Fetch } from './auth/fetch-json.ts';
export {
  createAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from './authorization-server/create.ts';
export type { AuthorizationEvent } from './authorization-server/events.ts';
