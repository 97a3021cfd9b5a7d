/**
 * An alert as it is sent: one line of JSON, which Slack and its like show by its `text`, and its signature. Names of others
 * pass the redactor, values and reasons never come along.
 */

import { createHmac } from 'node:crypto';
import { said, type Sign } from './signs.ts';
import type { AlertState, Happened } from './types.ts';

/** Of the gateway that tells it. */
export interface Teller {
  readonly host: string;
  readonly version: string;
  readonly redact: (text: string) => string;
  /** Who it was, as far as it may be said. */
  readonly people: {
    shown(who: NonNullable<Happened['principal']>): string;
    address(address: string | undefined, who: undefined): string | undefined;
  };
}

export interface News {
  readonly id: string;
  readonly state: AlertState;
  readonly timeMs: number;
  /** Happenings that it stands for. */
  readonly count: number;
  readonly windowMs: number;
}

/** Characters of a name. */
const MAX_NAME = 200;

export function messageOf(sign: Sign, news: News, teller: Teller): string {
  const { count, id, state, timeMs } = news;
  const { action, correlationId, server, target } = sign.event;
  const address = teller.people.address(sign.event.address, undefined);
  const { principal } = sign.event;
  const name = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : teller.redact(text.slice(0, MAX_NAME));
  const what = said({ ...sign, event: { ...sign.event, address } }, news);
  return JSON.stringify({
    type: 'alert',
    version: 1,
    id,
    time: new Date(timeMs).toISOString(),
    event: sign.kind,
    state,
    text: `Sallyport on ${teller.host}: ${ENDINGS[state](what, count)}`,
    host: teller.host,
    gateway: teller.version,
    count,
    action,
    server: name(server),
    target: name(target),
    address: name(address),
    principal: name(principal && teller.people.shown(principal)),
    correlationId,
  });
}

const ENDINGS: Readonly<Record<AlertState, (what: string, count: number) => string>> = {
  raised: (what) => `${what}.`,
  continued: (what, count) => `${what}. It happened ${count} more times since this was told.`,
  ended: (what) => `over: ${what}.`,
};

/** The header of a signed alert: HMAC-SHA256 over the seconds since 1970, a full stop and the body. */
export function signatureOf(body: string, secret: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}
