/** What `egress` of the configuration means to who reaches out. */

import type { Config } from '../config/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Rejects with the key and the value that the guard could not read. */
export async function checkEgress({ egress }: Pick<Config, 'egress'>): Promise<void> {
  if (egress.allow.length === 0) return;
  const { allowProblem } = await import('@sallyport/client/egress');
  for (const [index, entry] of egress.allow.entries()) {
    const problem = allowProblem(entry);
    if (problem !== undefined) throw new Error(`egress.allow[${index}]: ${problem}`);
  }
}

/** The environment with another proxy in it, where one is configured. */
export function throughProxy(env: Environment, proxy: string | undefined): Environment {
  return proxy === undefined ? env : { ...env, http_proxy: proxy, https_proxy: proxy };
}
