/** A connection through an HTTP proxy (RFC 9110 §9.3.6, CONNECT). It does not choose the proxy and speaks no TLS inside. */

import { request as requestPlain, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Duplex } from 'node:stream';
import { UpstreamError } from '../leg.ts';

export interface TunnelLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** `target` is `host:port`. Rejects with `UpstreamError`; the proxy's credential is named nowhere. */
export function openTunnel(proxy: URL, target: string, { timeoutMs, signal }: TunnelLimits): Promise<Duplex> {
  const options: RequestOptions = {
    method: 'CONNECT',
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : proxy.port,
    path: target,
    headers: { host: target, ...credential(proxy) },
    agent: false,
    timeout: timeoutMs,
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? requestTls : requestPlain)(options);
    const fail = (what: string, cause?: Error): void => {
      reject(new UpstreamError('down', `The proxy ${proxy.origin} ${what}.`, cause === undefined ? {} : { cause }));
      request.destroy();
    };
    request.once('connect', ({ statusCode = 0 }, socket: Duplex, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        const advice = statusCode === 407 ? ': put a credential for it into the URL of the proxy' : '';
        return fail(`answered ${statusCode} to CONNECT ${target}${advice}`);
      }
      if (head.length > 0) socket.unshift(head);
      return resolve(socket);
    });
    request.once('response', ({ statusCode }) => fail(`answered ${statusCode} to CONNECT ${target}`));
    request.once('timeout', () => fail(`did not open a connection to ${target} within ${timeoutMs} ms`));
    request.on('error', (error) => fail(`cannot be used: ${error.message}`, error));
    request.end();
  });
}

function credential({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
