/** The way to a remote server, before MCP: its name, its certificate, its clock. Sends one HEAD request without a credential. */
import { readFile } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { RemoteTarget } from '../../config/types-server.ts';
import { expiry } from './listener.ts';
import { fail, ok, warn, type Finding } from './report.ts';
import { messageOf } from './state.ts';

const TIMEOUT_MS = 10_000;
/** Tokens are refused beyond (JWT skew). */
const SKEW_MS = 60_000;

export interface RemoteContext {
  readonly nowMs: () => number;
  /** A proxy stands between: names and certificates are its business. */
  readonly isProxied: boolean;
}

export async function checkRemote(
  { tls, url }: RemoteTarget,
  { isProxied, nowMs }: RemoteContext,
): Promise<readonly Finding[]> {
  if (isProxied) return [ok('address', `${new URL(url).host}, through the proxy of this environment`)];
  const { hostname, protocol } = new URL(url);
  const found = await named(hostname.replaceAll(/^\[|\]$/g, ''));
  if (found.verdict === 'fail') return [found];
  const isSecure = protocol === 'https:' || protocol === 'wss:';
  try {
    const ca = tls?.ca === undefined ? undefined : await readFile(tls.ca);
    const { date, endMs } = await head(url, isSecure, ca);
    return [
      found,
      ...(endMs === undefined ? [] : [expiry('TLS', endMs, nowMs(), 'tell whoever runs the server')]),
      ...(date === undefined ? [] : clock(date, nowMs())),
    ];
  } catch (error) {
    const remedy = isSecure ? 'an authority of your own goes to tls.ca, or to NODE_EXTRA_CA_CERTS' : undefined;
    return [found, fail(isSecure ? 'TLS' : 'address', messageOf(error), remedy)];
  }
}

async function named(host: string): Promise<Finding> {
  try {
    const addresses = await lookup(host, { all: true });
    return ok('address', `${host} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    return fail('address', `${host} has no address (${messageOf(error)})`, 'correct `url`, or look at the network');
  }
}

interface Answered {
  /** ms since 1970, as the server has it. */
  readonly date: number | undefined;
  /** When its certificate ends. */
  readonly endMs: number | undefined;
}

function head(url: string, isSecure: boolean, ca: Buffer | undefined): Promise<Answered> {
  const target = new URL(url);
  target.protocol = isSecure ? 'https:' : 'http:';
  const options: RequestOptions = {
    method: 'HEAD',
    timeout: TIMEOUT_MS,
    agent: false,
    ...(ca !== undefined && { ca }),
  };
  return new Promise((resolve, reject) => {
    const asked = (isSecure ? requestHttps : requestHttp)(target, options, (response: IncomingMessage) => {
      response.resume();
      const { valid_to: end } = isSecure
        ? (response.socket as TLSSocket).getPeerCertificate()
        : { valid_to: undefined };
      const date = Date.parse(response.headers.date ?? '');
      resolve({
        date: Number.isNaN(date) ? undefined : date,
        endMs: end === undefined ? undefined : Date.parse(end),
      });
      asked.destroy();
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    asked.on('error', reject);
    asked.end();
  });
}

function clock(dateMs: number, nowMs: number): readonly Finding[] {
  const apartMs = Math.abs(dateMs - nowMs);
  if (apartMs <= SKEW_MS) return [];
  const text = `this clock and that of the server are ${Math.round(apartMs / 1000)} s apart: tokens may be refused`;
  return [warn('clock', text, 'set the clock (timedatectl set-ntp true)')];
}
