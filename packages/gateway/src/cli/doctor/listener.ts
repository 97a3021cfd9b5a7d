/** Our own door: whether it may stand as it is written, its certificates, and who is at its port. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readSecretFile } from '@sallyport/host';
import { openListener } from '../../config/check-across.ts';
import type { Config } from '../../config/index.ts';
import type { TlsConfig } from '../../config/types-auth.ts';
import { findRunningOf, hasChanged } from '../running.ts';
import { agoText, count } from '../text.ts';
import { fail, ok, warn, type Finding } from './report.ts';
import { messageOf } from './state.ts';
import type { Configured } from './visit.ts';

const DAY_MS = 24 * 60 * 60_000;
/** A certificate that ends so soon should have been renewed. */
export const SOON_MS: number = 21 * DAY_MS;

export async function checkListener(visit: Configured): Promise<readonly Finding[]> {
  const { config } = visit.loaded;
  const problem = openListener(config);
  return [
    ...(problem === undefined ? [] : [fail('address', problem.replaceAll('\n', ' '))]),
    await gateway(visit, config),
    ...(config.listen.tls === undefined ? [] : await certificates(visit, config.listen.tls)),
  ];
}

async function gateway({ context, loaded, system }: Configured, { listen }: Config): Promise<Finding> {
  const record = await findRunningOf(context, loaded.path);
  if (record !== undefined) {
    const { configHash, configPath, pid, startedMs, url } = record;
    const text = `runs at ${url} (pid ${pid}) since ${agoText(context.now() - startedMs)}`;
    return (await hasChanged(context, { configHash, configPath }))
      ? warn('gateway', `${text}, with the configuration of before`, 'sallyport reload')
      : ok('gateway', text);
  }
  const taken = await system.portProblem(listen.host, listen.port);
  const place = `${listen.host} port ${listen.port}`;
  if (taken === undefined) return ok('gateway', `does not run; ${place} is free`);
  const why = taken === 'EADDRINUSE' ? 'somebody else listens there' : taken;
  return fail(
    'gateway',
    `does not run, and could not listen on ${place}: ${why}`,
    'end that program, or set listen.port',
  );
}

async function certificates(
  { context }: Configured,
  { cert, key, clientCa, crl }: TlsConfig,
): Promise<readonly Finding[]> {
  try {
    const [text, keyText] = await Promise.all([readSecretFile(cert), readSecretFile(key)]);
    await Promise.all([clientCa, crl].filter((path) => path !== undefined).map(readSecretFile));
    const certificate = new X509Certificate(text);
    if (!certificate.checkPrivateKey(createPrivateKey(keyText))) {
      return [fail('TLS', `${key} is not the key of ${cert}`)];
    }
    return [expiry('TLS', Date.parse(certificate.validTo), context.now(), `renew ${cert}`)];
  } catch (error) {
    return [fail('TLS', messageOf(error))];
  }
}

/** Of a certificate, by when it ends. */
export function expiry(check: string, endMs: number, nowMs: number, remedy: string): Finding {
  const until = new Date(endMs).toISOString().slice(0, 10);
  if (endMs <= nowMs) return fail(check, `the certificate has ended on ${until}`, remedy);
  const left = `the certificate ends on ${until}, in ${count(Math.floor((endMs - nowMs) / DAY_MS), 'day')}`;
  return endMs - nowMs < SOON_MS ? warn(check, left, remedy) : ok(check, left);
}
