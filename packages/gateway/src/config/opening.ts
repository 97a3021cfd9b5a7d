/**
 * What a new configuration opens: less authentication, no or a weaker policy, new hosts and origins, weaker TLS. A reload never
 * does this; it takes a restart, so that nobody who merely writes to a file opens a door unseen.
 */
import { isDeepStrictEqual } from 'node:util';
import { builtInRoles } from './schema-policy.ts';
import type { AuthConfig, Config, ListenConfig, PolicyConfig, ServerConfig, TlsConfig } from './types.ts';

/** The keys whose change lets more in than before. */
export function opening(before: Config, after: Config): string[] {
  return [
    ...ofAuth(before.auth, after.auth),
    ...ofListen(before.listen, after.listen),
    ...ofPolicy(before.policy, after.policy),
    ...before.servers.flatMap((was) => {
      const is = after.servers.find(({ name }) => name === was.name);
      return is === undefined ? [] : ofServer(was, is).map((key) => `mcpServers.${was.name}.${key}`);
    }),
  ];
}

function ofServer(was: ServerConfig, is: ServerConfig): string[] {
  return [
    ...(was.readOnly && !is.readOnly ? ['readOnly'] : []),
    ...(added(is.tools.deny, was.tools.deny) ? ['tools.deny'] : []),
    ...(was.tools.allow !== undefined && is.tools.allow === undefined ? ['tools.allow'] : []),
  ];
}

/** Whether something is there that was not. */
function added<T>(before: readonly T[], after: readonly T[]): boolean {
  return after.some((now) => !before.some((was) => isDeepStrictEqual(was, now)));
}

function ofAuth(was: AuthConfig, is: AuthConfig): string[] {
  return [
    ...(added(was.modes, is.modes) ? ['auth.mode'] : []),
    // Another value, role or expiry makes another key of it.
    ...(added(was.keys, is.keys) ? ['auth.keys'] : []),
    ...(added(is.scopes, was.scopes) ? ['auth.scopes'] : []),
  ];
}

function ofListen(was: ListenConfig, is: ListenConfig): string[] {
  return [
    ...(was.host === is.host ? [] : ['listen.host']),
    ...(added(was.hosts, is.hosts) ? ['listen.hosts'] : []),
    ...(added(was.origins, is.origins) ? ['listen.origins'] : []),
    ...(added(was.trustProxy, is.trustProxy) ? ['listen.trustProxy'] : []),
    ...(!was.plainBehindProxy && is.plainBehindProxy ? ['listen.plainBehindProxy'] : []),
    ...ofTls(was.tls, is.tls),
  ];
}

function ofTls(was: TlsConfig | undefined, is: TlsConfig | undefined): string[] {
  if (was === undefined) return [];
  if (is === undefined) return ['listen.tls'];
  return was.minVersion === 'TLSv1.3' && is.minVersion === 'TLSv1.2' ? ['listen.tls.minVersion'] : [];
}

function ofPolicy(was: PolicyConfig | undefined, is: PolicyConfig | undefined): string[] {
  if (was === undefined) return [];
  if (is === undefined) return ['policy'];
  const limiting = ({ rules }: PolicyConfig): PolicyConfig['rules'] => rules.filter(({ effect }) => effect !== 'allow');
  return [
    ...(was.default === 'deny' && is.default === 'allow' ? ['policy.default'] : []),
    ...(added(limiting(is), limiting(was)) || losesRole(was, is) ? ['policy.rules'] : []),
    ...(was.external !== undefined && !isDeepStrictEqual(was.external, is.external) ? ['policy.external'] : []),
  ];
}

/** A built-in role that no rule names any more means again what it means by itself, and that may be everything. */
function losesRole(was: PolicyConfig, is: PolicyConfig): boolean {
  const named = ({ rules }: PolicyConfig, role: string): boolean => rules.some(({ roles }) => roles?.includes(role));
  return builtInRoles.some((role) => named(was, role) && !named(is, role));
}
