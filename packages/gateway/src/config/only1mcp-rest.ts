/**
 * The rest of an Only1MCP file: what watches over it, what has a room of ours, and what has no effect here. What protects is
 * put under our key, which the check afterwards takes or refuses by name, or is a problem; all else is a note.
 */
import { at, put, type Block } from './only1mcp-reader.ts';

export function convertRest(root: Block): void {
  convertAudit(root);
  convertLog(root);
  convertMetrics(root);
  convertReload(root);
  convertProtection(root);
  root.ignore('there is one form of the file', 'version');
  ignoreRouting(root);
  ignoreComfort(root);
}

/** Names of events in its second security policy. */
const events: Readonly<Record<string, string>> = {
  'auth.success': 'authentication',
  'auth.failure': 'authentication',
  'config.change': 'configuration_change',
  'admin.action': 'admin_actions',
};

/** What somebody is told of, by our names. */
const happenings: Readonly<Record<string, string>> = {
  server_down: 'breaker',
  rate_limit: 'quota',
  auth_failure: 'failed_authentication',
  config_change: 'configuration_change',
};

function convertAudit(root: Block): void {
  const { ledger } = root;
  const blocks = ['audit', 'audit_logging'].flatMap((key) => root.block('observability').block(key) ?? []);
  for (const block of blocks) {
    if (!block.isOn()) continue;
    block.move('enabled', ['audit', 'enabled']);
    block.move('retention', ['audit', 'retention']);
    block.move('events', ['audit', 'events'], (list) =>
      Array.isArray(list) ? [...new Set(list.map((event) => events[String(event)] ?? event))] : list,
    );
    block.move('destination', ['audit', 'file'], (place) => String(place).replace(/^file:/, ''));
    block.ignore('the audit trail is a file of its own', 'backend');
  }
  const changes = root.block('audit');
  if (changes.flag('log_config_changes') === true) {
    put(ledger, ['audit', 'enabled'], true, changes.at('log_config_changes'));
  } else changes.ignore('it is off', 'log_config_changes');
  if (changes.flag('notify_on_change') === true) {
    const alert = { on: ['configuration_change'], to: { type: 'webhook', url: changes.take('webhook_url') } };
    put(ledger, ['alerts'], [alert], changes.at('notify_on_change'));
  } else changes.ignore('nobody is told', 'notify_on_change webhook_url');
  const told = root.block('collaboration').block('notifications');
  if (told.isOn()) {
    const wanted = told.take('events');
    const on = Array.isArray(wanted) ? [...new Set(wanted.map((event) => happenings[String(event)] ?? event))] : wanted;
    const to = { type: 'webhook', url: told.take('webhook_url') };
    put(ledger, ['alerts'], [{ ...(on !== undefined && { on }), to }], told.path);
  }
}

function convertLog(root: Block): void {
  for (const log of [root.block('logging'), root.block('observability').block('logging')]) {
    log.move('level', ['telemetry', 'log', 'level'], (level) => (level === 'off' ? 'silent' : level));
    log.move('format', ['telemetry', 'log', 'format'], (format) => (format === 'compact' ? 'pretty' : format));
    log.ignore(
      'the log goes to stderr; whoever starts the gateway keeps it',
      'output outputs file_path max_size max_age max_backups',
    );
    log.ignore('one level holds for all', 'modules');
  }
}

function convertMetrics(root: Block): void {
  const monitoring = root.block('monitoring');
  const observability = root.block('observability');
  for (const metrics of [root.block('metrics'), monitoring.block('metrics'), observability.block('metrics')]) {
    metrics.move('enabled', ['telemetry', 'metrics', 'enabled']);
    metrics.ignore(
      'metrics are at /metrics of the listener, for the local key or `telemetry.metrics.key`',
      'prometheus provider endpoint port labels statsd',
    );
  }
  for (const holder of [root, monitoring, observability]) {
    holder.ignore('traces are not available in this version', 'tracing');
    holder.ignore('/healthz and /readyz answer always', 'health');
  }
}

function convertReload(root: Block): void {
  const whether = (on: unknown): unknown => (typeof on === 'boolean' ? (on ? 'auto' : 'off') : on);
  const hot = root.block('hot_reload');
  hot.move('enabled', ['reload'], whether);
  hot.ignore('a change is seen when it is made, and taken over whole', 'watch_interval debounce reloadable static');
  const features = root.block('features');
  features.move('hot_reload', ['reload'], whether);
  features.move('websocket_support', ['listen', 'websocket']);
  if (features.take('schema_validation') === 'strict') {
    put(root.ledger, ['guard', 'arguments'], 'validate', features.at('schema_validation'));
  } else features.ignore('arguments are checked unless `guard.arguments: off` says otherwise', 'schema_validation');
  features.ignore(
    'it is no choice here',
    'auto_discovery request_deduplication response_streaming grpc_support graphql_support',
  );
}

/** What protected something and has no key of ours, or one whose room is not built. */
function convertProtection(root: Block): void {
  const security = root.block('security');
  const secrets = security.block('secrets');
  secrets.refuse(
    'it is a store of another program: use `${exec:NAME}` with a command under `secrets.exec`, or `${VAR}`',
    'backend',
  );
  secrets.ignore('it belongs to `backend`', 'vault_url vault_token mount_path');
  const filter = security.block('ip_filtering');
  if (filter.isOn()) {
    filter.refuse(
      'connections of every address are let in here: keep them out with a firewall, and from using anything with a rule ' +
        `such as \`{effect: deny, when: "!inCidr(address, '10.0.0.0/8')"}\``,
      'whitelist blacklist',
    );
  }
  convertCompliance(root.block('compliance'), at(root.ledger.value, ['listen', 'tls']) !== undefined);
  convertBackup(root.block('backup'));
  const plugins = root.block('plugins');
  if (plugins.isOn()) {
    plugins.refuse('write what they do as `interceptors` (docs/INTERCEPTORS.md)', 'enabled directories autoload');
  }
  const budget = root.block('resources').block('budget');
  budget.refuse('money is not counted here; `limits.quota.month` counts calls', 'monthly_limit');
  budget.ignore('it belongs to `monthly_limit`', 'alert_at');
  root.refuse('other files are not read: convert each, and put them together', 'include');
  const environments = root.block('environments');
  environments.refuse('a file of ours is for one environment: write these values where they belong', 'overrides');
  environments.ignore('it belongs to `overrides`', 'current');
}

function convertCompliance(compliance: Block, hasTls: boolean): void {
  compliance.ignore('Sallyport claims no certificate; what a standard asks for is set key by key', 'standards');
  const residency = compliance.block('data_residency');
  if (residency.isOn()) residency.refuse('nothing of ours keeps data in a region', 'enabled regions');
  const encryption = compliance.block('encryption');
  refuseOn(encryption, 'at_rest', 'our store is not encrypted in this version');
  if (hasTls) encryption.ignore('`listen.tls` is set', 'in_transit');
  else refuseOn(encryption, 'in_transit', 'it needs `listen.tls`: `server.tls.cert_path` and `server.tls.key_path`');
  encryption.ignore('it belongs to `at_rest` and `in_transit`', 'algorithm');
  const pii = compliance.block('pii');
  const later = 'what finds personal data is not available in this version';
  for (const key of ['detection', 'masking']) refuseOn(pii, key, later);
  pii.refuse('our `audit.retention` is not available in this version', 'retention');
}

function convertBackup(backup: Block): void {
  if (!backup.isOn()) return;
  for (const block of [backup, backup.block('config'), backup.block('cache')]) {
    if (!block.isOn()) continue;
    refuseOn(block, 'enabled', 'nothing is backed up by this version: let the system do it');
    block.ignore('it belongs to `enabled`', 'schedule interval retention path backends');
  }
}

/** A protection that is on or off. */
function refuseOn(block: Block, key: string, why: string): void {
  if (block.flag(key) === true) block.refuse(why, key);
  else block.ignore('it is off', key);
}

function ignoreRouting(root: Block): void {
  const proxy = root.block('proxy');
  const alone = 'every server stands for itself and shows its own tools; equal servers form no group';
  root.ignore(
    alone,
    'routing.{strategy,weights,consistent_hash,failover} routing.sticky_sessions.{enabled,ttl,cookie_name}',
  );
  proxy.ignore(alone, 'load_balancer.{algorithm,virtual_nodes}');
  proxy.ignore(alone, 'routing.{algorithm,virtual_nodes,sticky_sessions,strategy,health_aware,failover}');
  const breaker =
    'circuit_breaker.{enabled,failure_threshold,success_threshold,timeout,half_open_requests,error_rate_threshold,request_volume_threshold}';
  for (const holder of [root, proxy, root.block('routing')]) {
    holder.ignore('a server that fails five times rests for 30 s, always', breaker);
  }
  proxy.ignore(
    'connections are kept by the HTTP client',
    'connection_pool.{max_per_backend,min_idle,enabled,max_connections,idle_timeout,connection_timeout,timeout_seconds,keepalive}',
  );
  root.ignore('one process serves', 'proxy.mode clustering.{enabled,mode,discovery,consensus,state_sync}');
}

/** What makes it faster, or nicer to look at. */
function ignoreComfort(root: Block): void {
  const cached = 'no result is kept: every call goes to its server';
  root.ignore(cached, 'cache.enabled cache.{l1,l2,l3}.{enabled,max_size,ttl,eviction}');
  root.ignore(cached, 'cache.key.{hash,include_headers,include_auth}');
  root.ignore(cached, 'context_optimization.cache.{enabled,max_entries,max_memory_mb,ttl_seconds}');
  const batched = 'lists are merged once for all who ask at a time';
  for (const holder of [root, root.block('context_optimization')]) {
    holder.ignore(batched, 'batching.{enabled,window_ms,max_batch_size,methods}');
  }
  root.ignore('a proxy in front may compress', 'context_optimization.compression.{enabled,algorithms,min_size}');
  root.ignore('there is no such view here', 'tui.{enabled,default_tab,refresh_ms}');
  root.ignore('the log says it at level debug', 'development.{log_requests,log_responses,pretty_json}');
  root.ignore('a stranger is told no more than that something failed', 'development.{debug_endpoints,verbose_errors}');
  root.ignore('it is not offered here', 'collaboration.{shared_context,broadcast} resources.cost_tracking');
  root.ignore('it is not offered here', 'experimental.{features,ab_testing}');
  root.ignore('a file is checked whole, and taken over whole', 'validation.{required,types,ranges,patterns}');
  root.ignore(
    'a file is checked whole, and taken over whole',
    'reload_policy.{validate_before_reload,rollback_on_error,keep_previous_versions,canary}',
  );
  root.ignore(
    'sockets are those of Node',
    'performance.{worker_threads,keepalive_timeout,buffer_size,tcp_nodelay,tcp_keepalive}',
  );
}
