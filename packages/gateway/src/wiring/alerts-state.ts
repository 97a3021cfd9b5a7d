/**
 * Alerts as the gateway opens them: between who records something and the audit trail, each with its way out. Where nobody is
 * told of anything, nothing stands there.
 */

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createAlerts, messageOf, signatureOf, type Alerts, type Outlet } from '../alerts/index.ts';
import { openAuditTrail, type AuditTrailOptions } from './audit-trail.ts';
import type { Audit } from '../audit/index.ts';
import { createPostSink, createSyslogSink, openQueue, type Sink } from '../audit/sinks/index.ts';
import type { AlertConfig, AlertDestination, Config } from '../config/types.ts';
import type { OutboundFetch } from './outbound.ts';
import { setTimer } from '../steps.ts';
import type { Log } from '../telemetry/index.ts';
import { createRedactor } from '../telemetry/redact.ts';

/** What a way out needs. */
export interface OutletParts {
  readonly fetch: OutboundFetch;
  readonly log: Log;
  readonly now: () => number;
}

export interface AlertedOptions extends Omit<AuditTrailOptions, 'config' | 'told'> {
  readonly config: AuditTrailOptions['config'] & Pick<Config, 'alerts'>;
  readonly version: string;
}

/** The header of what is signed. */
export const SIGNATURE_HEADER = 'sallyport-signature';
const NAMES = { sink: 'a place for alerts', lines: 'alerts' };

/** The audit trail, with who is told of what is recorded. Rejects with an error for a person. */
export async function openAlertedTrail(options: AlertedOptions): Promise<Audit> {
  const { config } = options;
  if (config.alerts.length === 0) return await openAuditTrail(options);
  const alerts = openAlerts(options);
  return withAlerts(await openAuditTrail({ ...options, told: alerts.take }), alerts);
}

function openAlerts({ config, fetch, log, now, people, redactor, version }: AlertedOptions): Alerts {
  const redact = redactor ?? createRedactor();
  return createAlerts({
    alerts: config.alerts.map((rule) => ({ rule, outlet: outletOf(rule, { fetch, log, now }) })),
    host: hostname(),
    version,
    people,
    redact: (text) => redact.text(text),
    randomId,
    setTimer,
    now,
  });
}

function outletOf({ to }: AlertConfig, parts: OutletParts): Outlet {
  const { log, now } = parts;
  if (to.type !== 'log') return openQueue(sinkOf(to, parts), { batch: 1, log, names: NAMES, now, setTimer });
  return {
    add: (lines) => {
      for (const line of lines) {
        const { host: _host, text, time: _time, type: _type, version: _version, ...rest } = JSON.parse(line) as Message;
        log('warn', `alert: ${text}`, rest);
      }
    },
    note: () => undefined,
    close: () => Promise.resolve(),
  };
}

interface Message {
  readonly text: string;
  readonly [member: string]: unknown;
}

function sinkOf(to: Exclude<AlertDestination, { readonly type: 'log' }>, { fetch, now }: OutletParts): Sink {
  if (to.type === 'syslog') return createSyslogSink(to, { hostname: hostname(), pid: process.pid });
  const { headers, secret, url } = to;
  return createPostSink(
    // All behind the host may be a credential.
    `webhook ${new URL(url).origin}`,
    url,
    ([body = '']) => ({
      body,
      headers: { ...headers, ...(secret !== undefined && { [SIGNATURE_HEADER]: signatureOf(body, secret, now()) }) },
    }),
    { fetch, timeout: (ms) => AbortSignal.timeout(ms) },
  );
}

/** Sends one alert to try whether it arrives; rejects with why not. A place of the type `log` has nothing to be tried. */
export async function sendTestAlert(
  to: AlertDestination,
  parts: OutletParts & { readonly version: string },
): Promise<void> {
  if (to.type === 'log') return;
  const sink = sinkOf(to, parts);
  const line = messageOf(
    {
      kind: 'admin_actions',
      subject: '',
      isEnd: false,
      lasts: false,
      event: { type: 'admin_actions', action: 'doctor.alert', decision: 'allow' },
    },
    { id: randomId(), state: 'raised', timeMs: parts.now(), count: 1, windowMs: 0 },
    {
      host: hostname(),
      version: parts.version,
      redact: (text) => text,
      people: { shown: () => '', address: () => undefined },
    },
  );
  try {
    await sink.send([line]);
  } finally {
    sink.close();
  }
}

/** The same trail; alerts are told of what it is told. */
function withAlerts(audit: Audit, alerts: Alerts): Audit {
  return {
    record: (event) => {
      audit.record(event);
      alerts.take(event);
    },
    noticed: alerts.take,
    blocked: () => audit.blocked(),
    ended: (call, answer, durationMs) => {
      if (call.failure === 'rate_limited' && answer.kind === 'error') {
        const { limit } = (answer.error.data ?? {}) as { readonly limit?: unknown };
        if (typeof limit === 'string' && limit.startsWith('quota.')) {
          const { principal } = call.exchange;
          alerts.take({ type: 'authorization', action: 'quota.exceeded', decision: 'deny', principal, target: limit });
        }
      }
      return audit.ended(call, answer, durationMs);
    },
    notes: () => [...audit.notes(), ...alerts.notes()],
    close: async () => {
      await audit.close();
      await alerts.close();
    },
  };
}

function randomId(): string {
  return randomBytes(12).toString('base64url');
}
