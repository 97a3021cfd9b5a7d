/**
 * Sends lines over HTTP: records to a collector of OpenTelemetry (OTLP/HTTP with JSON, logs) or to a webhook, which gets
 * `{"records": […]}`, and whatever else has a request of its own. Redirects are not followed, the headers may hold a
 * credential; of an answer the status alone is read.
 */

import type { SinkSettings } from '../types.ts';
import type { Sink, SinkParts } from './types.ts';
import { Unacceptable } from './queue.ts';

type HttpSettings = SinkSettings & { readonly type: 'otlp' | 'webhook' };

/** How lines become a request. */
export interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;
/** Statuses that say that this very batch is at fault. */
const FOR_GOOD: ReadonlySet<number> = new Set([400, 413, 415, 422]);

export function createHttpSink({ headers, type, url }: HttpSettings, parts: SinkParts): Sink {
  const { origin, pathname } = new URL(url);
  const bodyOf = type === 'otlp' ? (lines: readonly string[]) => otlpText(lines, parts.hostname) : webhookText;
  // The path of a webhook may be its credential.
  const name = type === 'otlp' ? `otlp ${origin}${pathname}` : `webhook ${origin}`;
  return createPostSink(name, url, (lines) => ({ headers, body: bodyOf(lines) }), parts);
}

/** `name`: for the operator, without credentials. */
export function createPostSink(
  name: string,
  url: string,
  requestOf: (lines: readonly string[]) => HttpRequest,
  { fetch, timeout }: Pick<SinkParts, 'fetch' | 'timeout'>,
): Sink {
  const stop = new AbortController();
  return {
    name,
    send: async (lines) => {
      const { body, headers } = requestOf(lines);
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([stop.signal, timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      if (response.ok) return;
      const message = `it answered ${response.status}`;
      throw FOR_GOOD.has(response.status) ? new Unacceptable(message) : new Error(message);
    },
    close: () => stop.abort(new Error('the gateway ends')),
  };
}

function webhookText(lines: readonly string[]): string {
  return `{"records":[${lines.join(',')}]}`;
}

/** OpenTelemetry protocol, `ExportLogsServiceRequest` in its JSON mapping. The record is the body; attributes are for filters. */
function otlpText(lines: readonly string[], hostname: string): string {
  const logRecords = lines.map((line) => {
    const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const isAllowed = record['decision'] === 'allow';
    return {
      timeUnixNano: `${Date.parse(String(record['time']))}000000`,
      severityNumber: isAllowed ? 9 : 13,
      severityText: isAllowed ? 'INFO' : 'WARN',
      body: { stringValue: line },
      attributes: ATTRIBUTES.flatMap((name) =>
        typeof record[name] === 'string' ? [attribute(`audit.${name}`, record[name])] : [],
      ),
      ...(typeof record['trace'] === 'string' && { traceId: record['trace'] }),
    };
  });
  const resource = { attributes: [attribute('service.name', 'sallyport'), attribute('host.name', hostname)] };
  return JSON.stringify({
    resourceLogs: [{ resource, scopeLogs: [{ scope: { name: 'sallyport.audit' }, logRecords }] }],
  });
}

const ATTRIBUTES = ['type', 'principal', 'action', 'target', 'server', 'decision', 'rule', 'correlationId'] as const;

function attribute(
  key: string,
  value: string,
): { readonly key: string; readonly value: { readonly stringValue: string } } {
  return { key, value: { stringValue: value } };
}
