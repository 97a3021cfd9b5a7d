/** Whoever is on this machine is a person of the author's choice: for trying roles out. Never in production. */

import type { Proof } from '../../auth/proof.ts';
import type { Principal } from '../../exchange.ts';
import { ServeError } from '../errors.ts';
import type { AuthProvider } from './provider.ts';

export interface DevOptions {
  readonly subject?: string;
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly scopes?: readonly string[];
  /** That of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Throws a ServeError when NODE_ENV is production. It lets nobody in who is elsewhere. */
export function dev({
  env = process.env,
  subject = 'developer',
  roles = ['admin'],
  ...rest
}: DevOptions = {}): AuthProvider {
  if (env['NODE_ENV'] === 'production') throw new ServeError('dev_in_production');
  const principal: Principal = { issuer: 'dev', subject, roles, ...rest };
  const proof: Proof = { principal, holds: ({ local }) => local };
  return {
    kind: 'dev',
    open: ({ log }) => {
      log('warn', 'anybody on this machine comes in as a person for development', { subject, roles });
      return { prove: ({ local }) => (local ? proof : undefined) };
    },
  };
}
