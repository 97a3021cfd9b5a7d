/** Why nobody can listen somewhere, in words; other errors as they are. */

import { CliError, exitCodes } from './exit.ts';

export interface ListenPlace {
  readonly host: string;
  readonly port: number;
}

/** `perhaps`: who else may have the port. */
export function listenProblem(error: unknown, { host, port }: ListenPlace, perhaps = ''): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new CliError(`port ${port} is taken on ${host}${perhaps}. Choose another with --port`, exitCodes.failed);
  }
  if (code === 'EACCES' && !('path' in (error as Error))) {
    return new CliError(`port ${port} needs more rights: choose one above 1023`, exitCodes.failed);
  }
  if (code === 'EADDRNOTAVAIL') return new CliError(`this machine has no address ${host}`, exitCodes.configuration);
  return error;
}
