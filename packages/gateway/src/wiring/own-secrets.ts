/** The secrets that a gateway holds itself, told to those who keep them back: the guard of content and the log. */

import type { KeyObject } from 'node:crypto';
import type { Audit } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { deriveKey } from '../credentials/index.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { credentialsOf, openGuard } from './guard-state.ts';
import type { RoomOptions } from '../rooms.ts';
import { configuredSecrets } from '../telemetry/redact.ts';

/** It knows the master key and what the configuration holds. */
export function guardOf(
  { config, env, file, log, now }: GatewayOptions,
  parts: { readonly audit: Audit; readonly master: KeyObject; readonly config: () => Config },
): Pick<RoomOptions, 'guard' | 'learnOwn'> {
  const { audit, master } = parts;
  const placeholderKey = deriveKey(master, 'guard');
  const guard = openGuard({ config: parts.config, placeholderKey, record: audit.record, env, log, now });
  const learnOwn = (next: Config): void =>
    guard.own.hold('configuration', [...credentialsOf(next), ...(file?.secrets?.() ?? [])]);
  guard.own.hold('master key', keyForms(master));
  learnOwn(config);
  return { guard, learnOwn };
}

/** As it is written in files and variables. */
function keyForms(master: KeyObject): string[] {
  const bytes = master.export();
  return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
}

/** Tells the log what must not stand in it. */
export function learnSecrets(
  { redactor }: GatewayOptions,
  { alerts, audit, auth, discovery, interceptors, policy, servers, telemetry }: Config,
): void {
  const { introspection, keys, oidc } = auth;
  redactor?.learn(
    configuredSecrets(servers, [
      telemetry.metrics.key,
      discovery.embeddings?.key,
      oidc?.clientSecret,
      introspection?.clientSecret,
      ...keys.flatMap(({ hash, key }) => [hash, key]),
      ...Object.values(policy?.external?.headers ?? {}),
      ...[...audit.sinks, ...alerts.map(({ to }) => to)].flatMap((sink) =>
        'headers' in sink ? Object.values(sink.headers) : [],
      ),
      ...interceptors.flatMap(({ target }) =>
        target.kind === 'http' ? [target.secret, ...Object.values(target.headers)] : Object.values(target.env),
      ),
      ...alerts.flatMap(({ to }) => (to.type === 'webhook' ? [to.secret, new URL(to.url).pathname] : [])),
    ]),
  );
}
