/**
 * A check of content by somebody else, over HTTP: what a client sends, or what a server answers, is posted as JSON and the answer
 * says whether it passes, and as what (docs/GUARD.md, "A guard of somebody else's"). It sees nothing that the checks here keep
 * back. Without an answer in time nothing passes, unless the configuration says otherwise.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { boundedText } from '../bounded-text.ts';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import type { ExternalGuardSettings, ExternalPlace, Finding } from './finding.ts';

export interface ExternalGuardOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Aborts after so many milliseconds; `AbortSignal.timeout`. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly report: (finding: Finding, call: Call) => void;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Content in the place of this; undefined: as it is. `maxBytes`: of an answer. Rejects with a `Refused`. */
export type AskExternalGuard = (
  call: Call,
  asked: { readonly place: ExternalPlace; readonly content: JsonObject; readonly maxBytes: number },
  settings: ExternalGuardSettings,
) => Promise<JsonObject | undefined>;

/** Questions under way; one more is not asked. */
export const MAX_QUESTIONS = 256;
/** Characters of a reason that a caller may read. */
const MAX_REASON = 200;
/** Of an answer, besides the content in it. */
const MAX_FRAME_BYTES = 4096;
/** Between two lines about failures. */
const LOG_EVERY_MS = 10_000;

const FAILED = 'The content of this call could not be checked, so it does not pass.';

export function createExternalGuard(options: ExternalGuardOptions): AskExternalGuard {
  const { log, now, report } = options;
  let underWay = 0;
  let failures = 0;
  let loggedMs = Number.NEGATIVE_INFINITY;
  const failed = (error: unknown, { fail }: ExternalGuardSettings): undefined => {
    failures++;
    if (now() - loggedMs >= LOG_EVERY_MS) {
      const what = fail === 'open' ? 'passed unseen' : 'was refused';
      log('warn', `the external guard failed, so what it was asked about ${what}`, { error: String(error), failures });
      failures = 0;
      loggedMs = now();
    }
    if (fail === 'closed') throw new Refused('refused', FAILED, { detail: String(error) });
  };
  return async (call, { content, maxBytes, place }, settings) => {
    if (underWay >= MAX_QUESTIONS) return failed(`more than ${MAX_QUESTIONS} questions are under way`, settings);
    let verdict: Verdict;
    underWay++;
    try {
      verdict = await ask({ ...questionOf(call), check: place, content }, maxBytes, settings, options);
    } catch (error) {
      return failed(error, settings);
    } finally {
      underWay--;
    }
    if (verdict.decision === 'allow') return undefined;
    const where = place === 'arguments' ? place : 'result';
    const action = verdict.decision === 'deny' ? 'block' : 'redact';
    report({ check: 'external', where, kinds: [verdict.decision], action }, call);
    if (verdict.decision === 'replace') return verdict.content;
    throw new Refused('refused', verdict.reason ?? 'The content of this call was refused.');
  };
}

/** The same names as in conditions of a policy. */
function questionOf({ exchange, target }: Call): JsonObject {
  const { issuer, subject } = exchange.session?.principal ?? exchange.principal;
  return {
    method: exchange.message.method,
    principal: { issuer, subject },
    ...(target !== undefined && { target: { kind: target.kind, server: target.server, id: target.canonicalId } }),
  };
}

type Verdict =
  | { readonly decision: 'allow' }
  | { readonly decision: 'deny'; readonly reason?: string }
  | { readonly decision: 'replace'; readonly content: JsonObject };

async function ask(
  question: JsonObject,
  maxBytes: number,
  { headers, timeoutMs, url }: ExternalGuardSettings,
  { fetch, timeout }: ExternalGuardOptions,
): Promise<Verdict> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(question),
    redirect: 'error',
    signal: timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  return verdictOf(JSON.parse(await boundedText(response, maxBytes + MAX_FRAME_BYTES)));
}

function verdictOf(answer: unknown): Verdict {
  const { content, decision, reason } = (answer ?? {}) as {
    readonly [name in 'content' | 'decision' | 'reason']?: unknown;
  };
  if (decision === 'allow') return { decision };
  if (decision === 'deny') {
    return { decision, ...(typeof reason === 'string' && reason !== '' && { reason: reason.slice(0, MAX_REASON) }) };
  }
  if (decision === 'replace' && isObject(content)) return { decision, content };
  throw new Error('it answered with neither allow, deny nor replace and an object as content');
}
