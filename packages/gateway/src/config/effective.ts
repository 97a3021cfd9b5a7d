/**
 * The configuration in effect in the shape of the file: variables expanded, defaults filled in, durations and sizes as people
 * write them. It masks nothing; see describe.ts.
 */
import type { Config, ServerConfig } from './types.ts';

/** A value that could be written as a configuration file. */
export function effectiveView(config: Config): Record<string, unknown> {
  const { listen, naming, discovery, auth, limits, sessions, store, views, telemetry, strict, reload } = config;
  return {
    mcpServers: Object.fromEntries(config.servers.map((server) => [server.name, serverView(server)])),
    listen,
    naming,
    discovery: discovery.mode,
    auth,
    limits: {
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
    },
    sessions: { idle: duration(sessions.idleMs), absolute: duration(sessions.absoluteMs) },
    store,
    views,
    telemetry,
    strict,
    reload,
  };
}

function serverView(server: ServerConfig): Record<string, unknown> {
  const { target, timeout, description } = server;
  const place =
    target.kind !== 'stdio'
      ? { url: target.url, ...(!target.guessed && { type: target.kind }), headers: target.headers }
      : { command: target.command, args: target.args, env: target.env, cwd: target.cwd };
  return {
    ...(description !== undefined && { description }),
    ...place,
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
    tags: server.tags,
    sandbox: server.sandbox,
  };
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
