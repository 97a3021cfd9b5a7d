/** What a running gateway looks at beside its configuration: the files of its certificates, and the modes of its state. */

import type { Config } from '../config/index.ts';
import { watchFile, type Watch } from '../config/watch.ts';
import { watchState, type StateWatch } from '../credentials/index.ts';
import type { Log } from '../telemetry/index.ts';

/** How often the files of the state are looked at. */
const STATE_MS = 60_000;
/** Programs that renew certificates write several files. */
const CERTIFICATE_QUIET_MS = 500;

export function watchCertificates({ admin, listen }: Config, log: Log, onChange: () => void): readonly Watch[] {
  const files = [listen.tls, admin.listen?.tls].flatMap((tls) => [tls?.cert, tls?.key, tls?.clientCa, tls?.crl]);
  const paths = [...new Set(files.filter((path) => path !== undefined))];
  return paths.map((path) => {
    const watch: Watch = watchFile({
      path,
      quietMs: CERTIFICATE_QUIET_MS,
      onChange: () => {
        onChange();
        void watch.refresh();
      },
      onError: (error) => log('warn', 'a certificate is not watched any more', { path, error: String(error) }),
    });
    return watch;
  });
}

/** Undefined where there is no state. */
export function watchStateOf(stateDirectory: string | undefined, log: Log): StateWatch | undefined {
  if (stateDirectory === undefined) return undefined;
  return watchState({ directory: stateDirectory, everyMs: STATE_MS, tell: (text) => log('warn', text) });
}
