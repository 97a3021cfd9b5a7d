/**
 * The rest of an Only1MCP file: what watches over it, what has a room of ours, and what has no effect here. What protects is
 * put under our key, which the check afterwards takes or refuses by name, or is a problem; all else is a note.
 */
import { put, type Block } from './only1mcp-reader.ts';

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

function convertAudit(root: Block): void {
  const { ledger } = root;
  const blocks = ['audit', 'audit_logging'].flatMap((key) => root.block('observability')?.block(key) ?? []);
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
  if (changes?.flag('log_config_changes') === true) {
    put(ledger, ['audit', 'events'], ['configuration_change'], changes.at('log_config_changes'));
  }
  if (changes?.flag('notify_on_change') === true) {
    put(ledger, ['alerts'], [{ url: changes.take('webhook_url') }], changes.at('notify_on_change'));
  } else changes?.ignore('nobody is told', 'webhook_url');
  const told = root.block('collaboration')?.block('notifications');
  if (told?.isOn() === true) {
    put(ledger, ['alerts'], [{ url: told.take('webhook_url'), events: told.take('events') }], told.path);
  }
}

function convertLog(root: Block): void {
  for (const log of [root.block('logging'), root.block('observability')?.block('logging')]) {
    log?.move('level', ['telemetry', 'log', 'level'], (level) => (level === 'off' ? 'silent' : level));
    log?.move('format', ['telemetry', 'log', 'format'], (format) => (format === 'compact' ? 'pretty' : format));
    log?.ignore('the log goes to stderr; whoever starts the gateway keeps it', 'output outputs file_path max_size max_age max_backups');
    log?.ignore('one level holds for all', 'modules');
  }
}

function convertMetrics(root: Block): void {
  const monitoring = root.block('monitoring');
  const observability = root.block('observability');
  for (const metrics of [root.block('metrics'), monitoring?.block('metrics'), observability?.block('metrics')]) {
    metrics?.move('enabled', ['telemetry', 'metrics', 'enabled']);
    metrics?.ignore(
      'metrics are at /metrics of the listener, for the local key or `telemetry.metrics.key`',
      'prometheus provider endpoint port labels statsd',
    );
  }
  for (const holder of [root, monitoring, observability]) {
    holder?.ignore('traces are not available in this version', 'tracing');
    holder?.ignore('/healthz and /readyz answer always', 'health');
  }
}

function convertReload(root: Block): void {
  const whether = (on: unknown): unknown => (typeof on === 'boolean' ? (on ? 'auto' : 'off') : on);
  const hot = root.block('hot_reload');
  hot?.move('enabled', ['reload'], whether);
  hot?.ignore('a change is seen when it is made, and taken over whole', 'watch_interval debounce reloadable static');
  const features = root.block('features');
  features?.move('hot_reload', ['reload'], whether);
  features?.move('websocket_support', ['listen', 'websocket']);
  if (features?.take('schema_validation') === 'strict') {
    put(root.ledger, ['guard', 'arguments'], 'validate', features.at('schema_validation'));
  } else features?.ignore('arguments are passed on as they are', 'schema_validation');
  features?.ignore(
    'it is no choice here',
    'auto_discovery request_deduplication response_streaming grpc_support graphql_support',
  );
}

/** What protected something and has no key of ours, or one whose room comes later. */
function convertProtection(root: Block): void {
  const security = root.block('security');
  security
    ?.block('secrets')
    ?.refuse('our `secrets.backend` is auto, keychain or file, and not available in this version: use `${VAR}`', 'backend');
  security?.block('secrets')?.ignore('it belongs to `backend`', 'vault_url vault_token mount_path');
  const filter = security?.block('ip_filtering');
  if (filter?.isOn() === true) {
    const how =
      'connections of every address are let in here: keep them out with a firewall, and from using anything with a rule such as ' +
      '`{effect: deny, when: "!inCidr(address, \'10.0.0.0/8\')"}`';
    filter.refuse(how, 'whitelist blacklist allowlist denylist');
  }
  const compliance = root.block('compliance');
  compliance?.ignore('Sallyport claims no certificate; what each asks for is set key by key', 'standards');
  const residency = compliance?.block('data_residency');
  if (residency?.isOn() === true) residency.refuse('nothing of ours keeps data in a region', 'regions');
  compliance?.block('encryption')?.ignore('it belongs to `at_rest` and `in_transit`', 'algorithm');
  refuseOn(compliance?.block('encryption'), 'at_rest', 'our store is not encrypted in this version');
  requireTls(compliance?.block('encryption'));
  const pii = compliance?.block('pii');
  for (const key of ['detection', 'masking']) refuseOn(pii, key, 'our `guard` and `privacy` are not available in this version');
  pii?.refuse('our `audit.retention` is not available in this version', 'retention');
  for (const backup of [root.block('backup'), root.block('backup')?.block('config'), root.block('backup')?.block('cache')]) {
    if (backup?.isOn() === true) refuseOn(backup, 'enabled', 'nothing is backed up in this version: let the system do it');
    backup?.ignore('it belongs to `enabled`', 'schedule interval retention path backends');
  }
  const plugins = root.block('plugins');
  if (plugins?.isOn() === true) plugins.refuse('our `interceptors` are not available in this version', 'enabled autoload directories');
  root.block('resources')?.block('budget')?.refuse('money is not counted here; `limits.quota.month` counts calls', 'monthly_limit');
  root.block('resources')?.block('budget')?.ignore('it belongs to `monthly_limit`', 'alert_at');
  root.refuse('other files are not read: convert each, and put them together', 'include');
  root.block('environments')?.refuse('a file of ours is for one environment: write its values where they belong', 'overrides');
  root.block('environments')?.ignore('it belongs to `overrides`', 'current');
}
