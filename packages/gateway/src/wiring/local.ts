/** The user of this machine, as a caller: by the local key, over this process's stdio, or where there is no authentication. */

import type { Principal } from '@sallyport/server';

/** The issuer of everybody whose key is our own. */
export const LOCAL_ISSUER = 'local';

export const LOCAL: Principal = { issuer: LOCAL_ISSUER, subject: 'local', roles: [] };

export function isLocalUser({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): boolean {
  return issuer === LOCAL.issuer && subject === LOCAL.subject;
}
