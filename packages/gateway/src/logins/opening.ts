/** How the library behind logins is opened, when it is first needed; and logins that no browser could come back from. */

import type { LoginNeeded } from '@sallyport/client/oauth';
import type { Sealing } from '../round.ts';
import type { Library, LibraryOptions } from './library.ts';

export interface OpeningOptions extends Omit<LibraryOptions, 'redirectUri' | 'sealing'> {
  readonly sealing: Sealing;
  /** Where browsers come back to; undefined: no listener is open, so that none can. */
  readonly redirectUri: () => string | undefined;
}

/** A login was wanted that only another process can begin. */
export class NoWayBack extends Error {}

export async function openLibrary({ redirectUri, sealing, ...rest }: OpeningOptions): Promise<Library> {
  const { Library: Opened } = await import('./library.ts');
  return new Opened({
    ...rest,
    sealing: {
      seal: sealing.seal,
      unseal: (sealed, context) => {
        const text = sealing.unseal(sealed, context);
        if (text === undefined) throw new Error('This record was sealed by somebody else.');
        return text;
      },
    },
    redirectUri: () => {
      const uri = redirectUri();
      if (uri === undefined) throw new NoWayBack('No browser can come back here: this gateway has no listener.');
      return uri;
    },
  });
}

/** Stands for a login that is to be begun elsewhere, at a server. */
export function elsewhere(server: string): LoginNeeded {
  return { url: '', state: '', expiresAtMs: 0, scopes: [], issuer: server };
}

export function isElsewhere(login: LoginNeeded): boolean {
  return login.state === '';
}
