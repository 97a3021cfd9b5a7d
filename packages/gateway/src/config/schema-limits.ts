/** The schema of `limits`: sizes, counts and times that nothing may exceed, and calls over time. */
import * as v from 'valibot';
import { duration, integer, size } from './scalars.ts';
import { maybe, object, present, preset } from './schema-parts.ts';
import type { LimitsConfig, Rate } from './types.ts';

const periods: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const rateExpected = 'expected a rate such as "1000/m" (s, m, h or d), or "off"';

/** `"1000/m"`, at least one; `"off"` becomes undefined, also where there is one by default. */
const rate = v.pipe(
  v.string(rateExpected),
  v.regex(/^[1-9]\d{0,8}\/[smhd]$|^off$|\$\{/, rateExpected),
  v.check((value) => !value.includes('${'), rateExpected),
  v.transform((value): Rate | undefined => {
    const [count, unit] = value.split('/');
    const periodMs = periods[unit ?? ''];
    return periodMs === undefined ? undefined : { count: Number(count), periodMs };
  }),
);

/** As it is written in the file. */
export function rateText(value: Rate | undefined): string {
  const unit = Object.keys(periods).find((each) => periods[each] === value?.periodMs);
  return value === undefined || unit === undefined ? 'off' : `${value.count}/${unit}`;
}

const rates = v.pipe(
  object({
    perPrincipal: preset(rate, '1000/m', 'Calls of one principal.'),
    perServer: maybe(rate, 'Calls of one server.'),
    perTool: maybe(rate, 'Calls of one tool.'),
    perSession: maybe(rate, 'Calls of one session.'),
    global: maybe(rate, 'Calls in all.'),
  }),
  v.transform((value): LimitsConfig['rate'] => present(value)),
);

const quota = v.pipe(
  object({ day: maybe(integer(1), 'Per day (UTC).'), month: maybe(integer(1), 'Per calendar month (UTC).') }),
  v.transform((value): LimitsConfig['quota'] => present(value)),
);

/** `limits`. */
export const limitsSchema: v.GenericSchema<unknown, LimitsConfig> = preset(
  v.pipe(
    object({
      body: preset(size(), '4 MiB', 'One HTTP request body.'),
      headers: preset(size(1024), '16 KiB', 'All header lines of one HTTP request.'),
      depth: preset(integer(4, 512), 64, 'Nesting of one JSON message.'),
      batch: preset(integer(1), 50, 'Entries of a JSON-RPC batch.'),
      upstreamMessage: preset(size(1024), '16 MiB', 'One message from an upstream.'),
      headerTimeout: preset(duration(1), '10s', 'Until the headers of a request are there.'),
      bodyTimeout: preset(duration(1), '30s', 'Until the body of a request is there.'),
      listDeadline: preset(duration(1), '3s', 'How long a merged list waits for slow servers.'),
      drain: preset(duration(), '10s', 'How long a stopping gateway lets calls finish.'),
      sessions: preset(integer(1), 1000, 'Open sessions, in all.'),
      human: preset(duration(1), '10m', 'Waiting for a person.'),
      requestState: preset(duration(1), '10m', 'How long a call waits for input from its client.'),
      concurrency: preset(integer(1), 64, 'Calls in flight per principal.'),
      connections: preset(integer(1), 256, 'Open connections per address.'),
      failedAuthentications: preset(integer(1), 60, 'Per address and minute.'),
      rate: preset(rates, {}, 'Calls per time, as "1000/m"; "off" = no such limit.'),
      quota: preset(quota, {}, 'Calls of one principal, in all.'),
      serverConcurrency: preset(integer(1), 256, 'Calls in flight at one server.'),
      serverQueue: preset(integer(0), 256, 'Calls that wait for their turn at one server.'),
      streams: preset(integer(1), 64, 'Open streams and connections of one principal.'),
      subscriptions: preset(integer(1), 1000, 'Resources that one principal is subscribed to.'),
    }),
    v.transform(
      ({
        body,
        headers,
        upstreamMessage,
        headerTimeout,
        bodyTimeout,
        listDeadline,
        drain,
        human,
        requestState,
        ...counts
      }): LimitsConfig => ({
        ...counts,
        bodyBytes: body,
        headerBytes: headers,
        upstreamMessageBytes: upstreamMessage,
        headerTimeoutMs: headerTimeout,
        bodyTimeoutMs: bodyTimeout,
        listDeadlineMs: listDeadline,
        drainMs: drain,
        humanMs: human,
        requestStateMs: requestState,
      }),
    ),
  ),
  {},
  'Sizes, counts and times that nothing may exceed.',
);
