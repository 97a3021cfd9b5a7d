/** The paths of `listen`, `auth` and `audit`, which are relative to the configuration file, made absolute. Those of servers: servers.ts. */
import { resolve } from 'node:path';
import type { AuditConfig, AuthConfig, ListenConfig } from './types.ts';

/** The same with absolute paths; `directory` is the folder of the file. */
export function withAbsolutePaths<
  T extends { readonly listen: ListenConfig; readonly auth: AuthConfig; readonly audit: AuditConfig },
>(entry: T, directory: string): T {
  const { listen, auth, audit } = entry;
  const at = (path: string): string => resolve(directory, path);
  return {
    ...entry,
    listen: {
      ...listen,
      ...(listen.tls !== undefined && {
        tls: {
          ...listen.tls,
          cert: at(listen.tls.cert),
          key: at(listen.tls.key),
          ...(listen.tls.clientCa !== undefined && { clientCa: at(listen.tls.clientCa) }),
          ...(listen.tls.crl !== undefined && { crl: at(listen.tls.crl) }),
        },
      }),
    },
    auth: {
      ...auth,
      ...(auth.jwt !== undefined && { jwt: { ...auth.jwt, publicKeys: auth.jwt.publicKeys.map(at) } }),
    },
    audit: {
      ...audit,
      ...(audit.file !== undefined && { file: at(audit.file) }),
      sinks: audit.sinks.map((sink) => (sink.type === 'file' ? { ...sink, path: at(sink.path) } : sink)),
    },
  };
}
