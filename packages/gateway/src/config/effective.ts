/**
 * The configuration in effect in the shape of the file: variables expanded, defaults filled in, durations and sizes as people
 * write them. It masks nothing; see describe.ts.
 */
import { facilityName } from './schema-audit.ts';
import { rateText } from './schema-limits.ts';
import type { AuthConfig, AuthServerConfig, IntrospectionConfig, JwtConfig, OidcConfig } from './types-auth.ts';
import type { InterceptorConfig } from './types-interceptors.ts';
import type { SandboxConfig, ServerConfig } from './types-server.ts';
import type { AlertConfig, AuditConfig, Config, LimitsConfig, PolicyConfig } from './types.ts';

/** A value that could be written as a configuration file. */
export function effectiveView(config: Config): Record<string, unknown> {
  const {
    listen,
    naming,
    discovery,
    auth,
    policy,
    sessions,
    store,
    views,
    tools,
    telemetry,
    egress,
    admin,
    audit,
    privacy,
    strict,
    reload,
  } = config;
  return {
    mcpServers: Object.fromEntries(config.servers.map((server) => [server.name, serverView(server)])),
    listen,
    naming,
    discovery: discoveryView(discovery),
    auth: authView(auth),
    ...(policy !== undefined && { policy: policyView(policy) }),
    limits: limitsView(config.limits),
    sessions: { idle: duration(sessions.idleMs), absolute: duration(sessions.absoluteMs) },
    store,
    views,
    tools: Object.fromEntries(
      Object.entries(tools).map(([name, { timeoutMs, ...tool }]) => [name, { ...tool, timeout: duration(timeoutMs) }]),
    ),
    telemetry,
    egress,
    admin,
    audit: auditView(audit),
    privacy,
    guard: guardView(config),
    alerts: config.alerts.map(alertView),
    interceptors: config.interceptors.map(interceptorView),
    security: config.security.contact.length === 0 ? {} : config.security,
    ...(config.profile !== undefined && { profile: config.profile }),
    strict,
    reload,
  };
}

function discoveryView({ embeddings, ...rest }: Config['discovery']): Record<string, unknown> {
  if (embeddings === undefined) return rest;
  const { timeoutMs, ...endpoint } = embeddings;
  return { ...rest, embeddings: { ...endpoint, timeout: duration(timeoutMs) } };
}

function guardView({ guard: { external, resultMaxBytes, ...rest }, pins }: Config): Record<string, unknown> {
  return {
    ...rest,
    pins: { mode: pins.mode },
    resultMax: bytes(resultMaxBytes),
    ...(external !== undefined && { external: externalView(external) }),
  };
}

function placeView({ oauth, sandbox, target }: ServerConfig): Record<string, unknown> {
  if (target.kind === 'stdio') {
    const { args, command, cwd, env } = target;
    return { command, args, env, cwd, sandbox: sandboxView(sandbox) };
  }
  if (target.kind === 'openapi') {
    const { document, hash: sha256, kind: _kind, maxBytes, source, ...rest } = target;
    return { openapi: { document: source ?? document, sha256, ...rest, maxBytes: bytes(maxBytes) } };
  }
  return {
    url: target.url,
    ...(!target.guessed && { type: target.kind }),
    headers: target.headers,
    ...(target.tls !== undefined && { tls: target.tls }),
    ...(oauth !== undefined && { oauth }),
  };
}

function serverView(server: ServerConfig): Record<string, unknown> {
  const { timeout, description } = server;
  return {
    ...(description !== undefined && { description }),
    ...placeView(server),
    enabled: server.enabled,
    era: server.era,
    start: server.start,
    idle: duration(server.idleMs),
    isolation: server.isolation,
    timeout: {
      connect: duration(timeout.connectMs),
      call: duration(timeout.callMs),
      max: duration(timeout.maxMs),
      ...(timeout.toolsMs !== undefined && { tools: duration(timeout.toolsMs) }),
      ...(timeout.resourcesMs !== undefined && { resources: duration(timeout.resourcesMs) }),
      ...(timeout.promptsMs !== undefined && { prompts: duration(timeout.promptsMs) }),
    },
    tools: server.tools,
    features: server.features,
    readOnly: server.readOnly,
    tags: server.tags,
  };
}

function sandboxView({ cpuPercent, memoryBytes, ...rest }: SandboxConfig): Record<string, unknown> {
  return {
    ...rest,
    ...(memoryBytes !== undefined && { memory: bytes(memoryBytes) }),
    ...(cpuPercent !== undefined && { cpu: cpuPercent }),
  };
}

function limitsView(limits: LimitsConfig): Record<string, unknown> {
  const { rate, quota } = limits;
  return {
    body: bytes(limits.bodyBytes),
    headers: bytes(limits.headerBytes),
    depth: limits.depth,
    batch: limits.batch,
    upstreamMessage: bytes(limits.upstreamMessageBytes),
    headerTimeout: duration(limits.headerTimeoutMs),
    bodyTimeout: duration(limits.bodyTimeoutMs),
    listDeadline: duration(limits.listDeadlineMs),
    drain: duration(limits.drainMs),
    sessions: limits.sessions,
    human: duration(limits.humanMs),
    requestState: duration(limits.requestStateMs),
    concurrency: limits.concurrency,
    connections: limits.connections,
    failedAuthentications: limits.failedAuthentications,
    rate: {
      perPrincipal: rateText(rate.perPrincipal),
      perServer: rateText(rate.perServer),
      perTool: rateText(rate.perTool),
      perSession: rateText(rate.perSession),
      global: rateText(rate.global),
    },
    quota,
    serverConcurrency: limits.serverConcurrency,
    serverQueue: limits.serverQueue,
    streams: limits.streams,
    subscriptions: limits.subscriptions,
  };
}

function authView({
  modes,
  keys,
  scopes,
  jwt,
  oidc,
  introspection,
  server,
  browser,
}: AuthConfig): Record<string, unknown> {
  return {
    mode: modes.length === 1 ? modes[0] : modes,
    keys: keys.map(({ expiresMs, ...key }) => ({
      ...key,
      ...(expiresMs !== undefined && { expires: new Date(expiresMs).toISOString() }),
    })),
    scopes,
    ...(jwt !== undefined && { jwt: tokenView(jwt) }),
    ...(oidc !== undefined && { oidc: tokenView(oidc) }),
    ...(introspection !== undefined && { introspection: introspectionView(introspection) }),
    server: server === undefined ? false : serverOfOurOwn(server),
    browser: {
      idle: duration(browser.idleMs),
      absolute: duration(browser.absoluteMs),
      rotate: duration(browser.rotateMs),
    },
  };
}

function tokenView({ clockToleranceMs, ...rest }: JwtConfig | OidcConfig): object {
  return { ...rest, clockTolerance: duration(clockToleranceMs) };
}

function introspectionView({ cacheMs, ...rest }: IntrospectionConfig): object {
  return { ...rest, cache: duration(cacheMs) };
}

function serverOfOurOwn({ accessTokenMs, refreshTokenMs, ...rest }: AuthServerConfig): object {
  return { ...rest, accessToken: duration(accessTokenMs), refreshToken: duration(refreshTokenMs) };
}

function auditView({ retentionMs, sinks, ...rest }: AuditConfig): object {
  return {
    ...rest,
    retention: duration(retentionMs),
    sinks: sinks.map((sink) => (sink.type === 'syslog' ? { ...sink, facility: facilityName(sink.facility) } : sink)),
  };
}

function alertView({ quietMs, to, windowMs, ...rest }: AlertConfig): object {
  const place = to.type === 'syslog' ? { ...to, facility: facilityName(to.facility) } : to;
  return { ...rest, window: duration(windowMs), quiet: duration(quietMs), to: place };
}

function interceptorView({ maxBytes, name, target, timeoutMs, ...rest }: InterceptorConfig): object {
  const { kind: _kind, ...place } = target;
  const caged = target.kind === 'child' && { sandbox: sandboxView(target.sandbox) };
  return { name, ...place, ...caged, ...rest, timeout: duration(timeoutMs), maxBytes: bytes(maxBytes) };
}

function policyView({ external, ...rest }: PolicyConfig): object {
  return external === undefined ? rest : { ...rest, external: externalView(external) };
}

function externalView({ timeoutMs, ...place }: { readonly timeoutMs: number }): object {
  return { ...place, timeout: duration(timeoutMs) };
}

function duration(ms: number): string {
  if (ms % 3_600_000 === 0 && ms > 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function bytes(count: number): string | number {
  if (count % 1_048_576 === 0) return `${count / 1_048_576} MiB`;
  return count % 1_024 === 0 ? `${count / 1_024} KiB` : count;
}
