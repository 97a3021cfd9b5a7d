/**
 * What a new configuration opens: less authentication, no or a weaker policy, new hosts and origins, weaker TLS. A reload never
 * does this; it takes a restart, so that nobody who merely writes to a file opens a door unseen.
 */
import { isDeepStrictEqual } from 'node:util';
import { isExchange } from './schema-oauth.ts';
import { builtInRoles } from './schema-policy.ts';
import { ADDRESSES, IDENTITIES } from './schema-privacy.ts';
import type { AuthConfig, TlsConfig } from './types-auth.ts';
import type { SandboxConfig, SandboxLevel, ServerConfig } from './types-server.ts';
import type {
  AuditConfig,
  Config,
  DiscoveryConfig,
  GuardConfig,
  ListenConfig,
  PolicyConfig,
  PrivacyConfig,
} from './types.ts';

/** The keys whose change lets more in than before. */
export function opening(before: Config, after: Config): string[] {
  return [
    ...ofAuth(before.auth, after.auth),
    ...ofListen(before.listen, after.listen),
    ...ofPolicy(before.policy, after.policy),
    ...ofAudit(before.audit, after.audit),
    ...ofPrivacy(before.privacy, after.privacy).map((key) => `privacy.${key}`),
    ...(added(after.alerts, before.alerts) ? ['alerts'] : []),
    ...(keepsInOrder(before.interceptors, after.interceptors) ? [] : ['interceptors']),
    ...(before.profile !== undefined && after.profile === undefined ? ['profile'] : []),
    ...ofGuard(before.guard, after.guard).map((key) => `guard.${key}`),
    ...(PIN_MODES.indexOf(after.pins.mode) < PIN_MODES.indexOf(before.pins.mode) ? ['guard.pins.mode'] : []),
    ...(added(before.egress.allow, after.egress.allow) ? ['egress.allow'] : []),
    ...(sends(before.discovery, after.discovery) ? ['discovery.embeddings'] : []),
    ...before.servers.flatMap((was) => {
      const is = after.servers.find(({ name }) => name === was.name);
      return is === undefined ? [] : ofServer(was, is).map((key) => `mcpServers.${was.name}.${key}`);
    }),
    ...exchanging(before, after),
  ];
}

/** Texts of tools and questions go to an endpoint that did not get them. */
function sends({ embeddings: was }: DiscoveryConfig, { embeddings: is }: DiscoveryConfig): boolean {
  return is !== undefined && is.url !== was?.url;
}

/** From the weakest. */
const PIN_MODES: readonly Config['pins']['mode'][] = ['off', 'warn', 'quarantine'];

const SECRET_MODES: readonly GuardConfig['secrets'][] = ['off', 'flag', 'redact', 'block'];
const INJECTION_MODES: readonly GuardConfig['injection'][] = ['off', 'flag', 'block'];

function ofGuard(was: GuardConfig, is: GuardConfig): string[] {
  return [
    ...(was.arguments === 'validate' && is.arguments === 'off' ? ['arguments'] : []),
    ...(SECRET_MODES.indexOf(is.secrets) < SECRET_MODES.indexOf(was.secrets) ? ['secrets'] : []),
    ...(INJECTION_MODES.indexOf(is.injection) < INJECTION_MODES.indexOf(was.injection) ? ['injection'] : []),
    ...(was.injectionResults && !is.injectionResults ? ['injectionResults'] : []),
    ...(is.resultMaxBytes > was.resultMaxBytes ? ['resultMax'] : []),
    ...(was.external !== undefined && !isDeepStrictEqual(was.external, is.external) ? ['external'] : []),
  ];
}

function ofServer(was: ServerConfig, is: ServerConfig): string[] {
  return [
    ...(was.readOnly && !is.readOnly ? ['readOnly'] : []),
    ...(added(is.tools.deny, was.tools.deny) ? ['tools.deny'] : []),
    ...(was.tools.allow !== undefined && is.tools.allow === undefined ? ['tools.allow'] : []),
    ...ofSandbox(was.sandbox, is.sandbox).map((key) => `sandbox.${key}`),
    ...ofLogin(was.oauth, is.oauth).map((key) => `oauth.${key}`),
    ...ofOperations(was.target, is.target).map((key) => `openapi.operations.${key}`),
  ];
}

/** Without `allow` operations only read. */
function ofOperations(was: ServerConfig['target'], is: ServerConfig['target']): string[] {
  if (was.kind !== 'openapi' || is.kind !== 'openapi') return [];
  return [
    ...(was.operations.allow === undefined && is.operations.allow !== undefined ? ['allow'] : []),
    ...(added(is.operations.deny, was.operations.deny) ? ['deny'] : []),
  ];
}

/** One login for all lets everybody act as whoever makes it. */
function ofLogin(was: ServerConfig['oauth'], is: ServerConfig['oauth']): string[] {
  return [
    ...(was?.per === 'principal' && is?.per === 'gateway' ? ['per'] : []),
    ...(was?.allowLoopbackHttp === false && is?.allowLoopbackHttp === true ? ['allowLoopbackHttp'] : []),
  ];
}

/** Servers at which the tokens of callers are shown elsewhere from now on. */
function exchanging(before: Config, after: Config): string[] {
  return after.servers.flatMap(({ name, oauth }) => {
    const was = before.servers.find((server) => server.name === name)?.oauth;
    const isNew = oauth !== undefined && isExchange(oauth.grant) && !isDeepStrictEqual(shownAt(was), shownAt(oauth));
    return isNew ? [`mcpServers.${name}.oauth.exchange`] : [];
  });
}

function shownAt(oauth: ServerConfig['oauth']): readonly unknown[] {
  return [oauth !== undefined && isExchange(oauth.grant), oauth?.exchange?.tokenEndpoint];
}

/** From the weakest; what is not written is as strong as the machine lets it be, up to standard. */
const LEVELS: readonly (SandboxLevel | undefined)[] = ['none', 'limited', undefined, 'standard', 'strict'];

function ofSandbox(was: SandboxConfig, is: SandboxConfig): string[] {
  const limits = [
    ['memory', was.memoryBytes, is.memoryBytes],
    ['cpu', was.cpuPercent, is.cpuPercent],
    ['processes', was.processes, is.processes],
  ] as const;
  return [
    ...(LEVELS.indexOf(is.level) < LEVELS.indexOf(was.level) ? ['level'] : []),
    ...(added(was.read, is.read) ? ['read'] : []),
    ...(added(was.write, is.write) ? ['write'] : []),
    ...(!isDeepStrictEqual(was.network, is.network) && opensNetwork(reached(was), reached(is)) ? ['network'] : []),
    ...(was.user !== undefined && was.user !== is.user ? ['user'] : []),
    ...(was.image !== undefined && was.image !== is.image ? ['image'] : []),
    ...limits.filter(([, before = Infinity, after = Infinity]) => after > before).map(([name]) => name),
  ];
}

/** The hosts; undefined: all. */
function reached({ level, network }: SandboxConfig): SandboxConfig['network'] {
  return network ?? (level === 'strict' ? [] : undefined);
}

function opensNetwork(was: SandboxConfig['network'], is: SandboxConfig['network']): boolean {
  return was !== undefined && (is === undefined || added(was, is));
}

/** Whether something is there that was not. */
function added<T>(before: readonly T[], after: readonly T[]): boolean {
  return after.some((now) => !before.some((was) => isDeepStrictEqual(was, now)));
}

/** Interceptors may be added anywhere; one that goes, changes or moves lets something else pass. Open → closed is none of that. */
function keepsInOrder(before: Config['interceptors'], after: Config['interceptors']): boolean {
  let at = 0;
  return before.every((was) => {
    at = 1 + after.findIndex((is, index) => index >= at && isDeepStrictEqual({ ...was, onError: is.onError }, is));
    return at > 0 && !(was.onError === 'closed' && after[at - 1]?.onError === 'open');
  });
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

/** What leaves fewer traces, or leaves them for a shorter time or where more can read them. */
function ofAudit(was: AuditConfig, is: AuditConfig): string[] {
  if (!was.enabled) return [];
  if (!is.enabled) return ['audit.enabled'];
  return [
    ...(added(is.events, was.events) ? ['audit.events'] : []),
    ...(is.retentionMs < was.retentionMs ? ['audit.retention'] : []),
    ...(was.durability === 'strict' && is.durability === 'batch' ? ['audit.durability'] : []),
    ...(was.encrypt && !is.encrypt ? ['audit.encrypt'] : []),
    ...(!was.values && is.values ? ['audit.values'] : []),
    ...(added(is.sinks, was.sinks) ? ['audit.sinks'] : []),
  ];
}

/** More is written about people than before. */
function ofPrivacy(was: PrivacyConfig, is: PrivacyConfig): string[] {
  return [
    ...(IDENTITIES.indexOf(is.identities) < IDENTITIES.indexOf(was.identities) ? ['identities'] : []),
    ...(ADDRESSES.indexOf(is.addresses) < ADDRESSES.indexOf(was.addresses) ? ['addresses'] : []),
  ];
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
