/** The limits in force, as a person reads them when the gateway starts. */

import { durationText, numberText, rateText, sizeText, type Rate } from '@sallyport/server/limits';
import type { CallLimits } from './limits.ts';

export interface DescribedLimits extends CallLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  readonly depth: number;
  readonly batch: number;
  readonly upstreamMessageBytes: number;
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly sessions: number;
  readonly connections: number;
  readonly failedAuthentications: number;
  readonly streams: number;
  readonly subscriptions: number;
}

const RATES: readonly (readonly [key: keyof CallLimits['rate'], what: string])[] = [
  ['perPrincipal', 'a client (none for the local key on this machine)'],
  ['perSession', 'a session'],
  ['perServer', 'a server'],
  ['perTool', 'a tool'],
  ['global', 'in all'],
];

/** One line for each sort of limit. */
export function describeLimits({ limits }: { readonly limits: DescribedLimits }): readonly string[] {
  const n = numberText;
  const rates = RATES.flatMap(([key, what]) => {
    const rate: Rate | undefined = limits.rate[key];
    return rate === undefined ? [] : [`${rateText(rate)} ${what}`];
  });
  const { day, month } = limits.quota;
  const quotas = [
    ...(day === undefined ? [] : [`${n(day)} a day`]),
    ...(month === undefined ? [] : [`${n(month)} a month`]),
  ];
  return [
    `Messages: body ${sizeText(limits.bodyBytes)}, headers ${sizeText(limits.headerBytes)}, ` +
      `${n(limits.depth)} levels deep, ${n(limits.batch)} in a batch; ${sizeText(limits.upstreamMessageBytes)} from a server`,
    `Arrival: headers within ${durationText(limits.headerTimeoutMs)}, body within ${durationText(limits.bodyTimeoutMs)}`,
    `Calls over time: ${rates.join(', ') || 'no limit'}`,
    `Quota of a client (UTC): ${quotas.join(', ') || 'none'}`,
    `Calls at a time: ${n(limits.concurrency)} of a client, ${n(limits.serverConcurrency)} at a server and ` +
      `${n(limits.serverQueue)} waiting for it`,
    `Open: ${n(limits.sessions)} sessions in all, ${n(limits.connections)} connections an address, ` +
      `${n(limits.streams)} streams and ${n(limits.subscriptions)} subscriptions a client`,
    `Failed authentications: ${n(limits.failedAuthentications)}/min an address`,
  ];
}
