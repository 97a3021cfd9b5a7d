/** The paths of `listen`, `admin`, `auth`, `audit` and `interceptors`, which are relative to the configuration file, made absolute. Those of servers: servers.ts. */
import { isAbsolute, resolve } from 'node:path';
import type { AuthConfig, TlsConfig } from './types-auth.ts';
import type { InterceptorConfig } from './types-interceptors.ts';
import type { AdminConfig, AuditConfig, ListenConfig } from './types.ts';

/** The same with absolute paths; `directory` is the folder of the file. */
export function withAbsolutePaths<
  T extends {
    readonly listen: ListenConfig;
    readonly admin: AdminConfig;
    readonly auth: AuthConfig;
    readonly audit: AuditConfig;
    readonly interceptors: readonly InterceptorConfig[];
  },
>(entry: T, directory: string): T {
  const { admin, listen, auth, audit, interceptors } = entry;
  const at = (path: string): string => resolve(directory, path);
  return {
    ...entry,
    listen: { ...listen, ...(listen.tls !== undefined && { tls: placed(listen.tls, at) }) },
    admin: {
      ...admin,
      ...(admin.listen?.tls !== undefined && { listen: { ...admin.listen, tls: placed(admin.listen.tls, at) } }),
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
    interceptors: interceptors.map((each) => ({ ...each, target: placedTarget(each.target, at) })),
  };
}

function placedTarget(target: InterceptorConfig['target'], at: (path: string) => string): InterceptorConfig['target'] {
  if (target.kind === 'http') return target;
  const { command, cwd, sandbox } = target;
  // A bare name is for PATH.
  const isFile = !isAbsolute(command) && /[/\\]/.test(command);
  return {
    ...target,
    command: isFile ? at(command) : command,
    cwd: at(cwd),
    sandbox: { ...sandbox, read: sandbox.read.map(at), write: sandbox.write.map(at) },
  };
}

function placed(tls: TlsConfig, at: (path: string) => string): TlsConfig {
  const { cert, clientCa, crl, key } = tls;
  return {
    ...tls,
    cert: at(cert),
    key: at(key),
    ...(clientCa !== undefined && { clientCa: at(clientCa) }),
    ...(crl !== undefined && { crl: at(crl) }),
  };
}
