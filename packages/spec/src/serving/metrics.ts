/** The counts of a served server in Prometheus' text format, version 0.0.4, under DinCoder's names where it had them. */
import type { ServingStats } from '@sallyport/server';
import type { ToolCount } from './calls.ts';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsText(stats: ServingStats, tools: ReadonlyMap<string, ToolCount>): string {
  const lines: string[] = [];
  const metric = (
    name: string,
    kind: 'counter' | 'gauge' | 'summary',
    help: string,
    values: readonly (readonly [string, number])[],
  ): void => {
    lines.push(
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${kind}`,
      ...values.map(([labels, value]) => `${name}${labels} ${value}`),
    );
  };
  metric('mcp_requests_total', 'counter', 'Requests that were calls.', [['', stats.calls]]);
  metric('mcp_requests_limited_total', 'counter', 'Calls that a rate limit refused.', [['', stats.limited]]);
  const refused = Object.entries(stats.refused).map(([code, count]): [string, number] => [
    `{code="${code.replaceAll(/[^\w-]/g, '_')}"}`,
    count,
  ]);
  metric('mcp_errors_total', 'counter', 'Requests refused before they became calls.', refused);
  const rows = [...tools];
  metric(
    'mcp_tool_calls_total',
    'counter',
    'Calls that came to a tool.',
    rows.flatMap(([tool, { done, refused: no }]): [string, number][] => [
      [`{tool="${tool}",outcome="done"}`, done],
      [`{tool="${tool}",outcome="refused"}`, no],
    ]),
  );
  metric(
    'mcp_tool_duration_seconds',
    'summary',
    'Time that calls of a tool took.',
    rows.flatMap(([tool, { done, refused: no, durationMs }]): [string, number][] => [
      [`_sum{tool="${tool}"}`, durationMs / 1000],
      [`_count{tool="${tool}"}`, done + no],
    ]),
  );
  metric('mcp_active_sessions', 'gauge', 'Open sessions.', [['', stats.sessions]]);
  metric('mcp_connections', 'gauge', 'Open sockets.', [
    ['{transport="http"}', stats.http],
    ['{transport="ws"}', stats.ws],
    ['{transport="sse"}', stats.sse],
  ]);
  metric('mcp_start_time_seconds', 'gauge', 'When it was started.', [['', stats.startedMs / 1000]]);
  return `${lines.join('\n')}\n`;
}
