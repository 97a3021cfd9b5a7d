/** The dated knowledge of what a server speaks: when it may be relied on, and under which key it is kept. */

import { createHash } from 'node:crypto';
import type { Era } from '@sallyport/wire';
import type { GuessedTransport, Target, Verdict, VerdictStore } from './upstream.ts';

/** A server may have been updated since. */
const FRESH_MS = 24 * 60 * 60 * 1000;

export interface Verdicts {
  /** A verdict that is still fresh. A store that fails is as good as an empty one. */
  read(): Promise<Verdict | undefined>;
  /** In the background. */
  write(eras: readonly Era[]): void;
}

export interface VerdictsOptions {
  readonly store: VerdictStore;
  readonly key: string;
  /** Where the transport is guessed: with which one the verdicts are found, and the only ones that count. */
  readonly transport?: GuessedTransport;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

export function createVerdicts({ store, key, transport, now, onError }: VerdictsOptions): Verdicts {
  return {
    async read() {
      try {
        const verdict = await store.get(key);
        const ageMs = verdict === undefined ? NaN : now() - verdict.atMs;
        const isFresh = ageMs >= 0 && ageMs < FRESH_MS;
        return isFresh && (transport === undefined || verdict?.transport === transport) ? verdict : undefined;
      } catch (error) {
        onError(error);
        return undefined;
      }
    },
    write(eras) {
      store.put(key, { eras, atMs: now(), ...(transport !== undefined && { transport }) }).catch(onError);
    },
  };
}

/**
 * One key per server and credential. Only names of environment variables go into it: a short secret among the values
 * could be guessed from the hash.
 */
export function verdictKey(name: string, target: Target): string {
  // It is asked nothing of the kind.
  if (target.kind === 'in-process') return `${target.kind}:${name}`;
  const facts =
    target.kind === 'stdio'
      ? [target.command, target.args, target.cwd, Object.keys(target.env).toSorted()]
      : [target.url.href, Object.entries(target.headers).toSorted(([a], [b]) => (a < b ? -1 : 1))];
  return `${target.kind}:${name}:${createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)}`;
}
