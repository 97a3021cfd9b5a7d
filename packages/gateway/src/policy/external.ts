/**
 * A decision by somebody else, over HTTP as the Open Policy Agent answers (its Data API: `{"input": …}` → `{"result": …}`). It
 * is asked last and can only refuse what the rules grant. Whatever is not a clear yes is a no.
 */

import type { Decision } from '../call.ts';
import { nameOf } from './condition-input.ts';
import type { Facts } from './facts.ts';
import type { ExternalSettings } from './settings.ts';

export interface ExternalOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Aborts after so many milliseconds; `AbortSignal.timeout`. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly log: (level: 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Gives the decision of the rules back, or a refusal. Never rejects. */
export type AskExternal = (
  facts: Facts,
  roles: ReadonlySet<string>,
  decision: Decision,
  policyVersion: string,
) => Promise<Decision>;

const MAX_ANSWER_BYTES = 64 * 1024;
/** Questions under way; one more is refused. */
export const MAX_QUESTIONS = 256;
/** Characters of a reason that a caller may read. */
const MAX_REASON = 200;
/** Between two lines about failures. */
const LOG_EVERY_MS = 10_000;

export function createExternal(settings: ExternalSettings, options: ExternalOptions): AskExternal {
  const { now, log } = options;
  let underWay = 0;
  let failures = 0;
  let loggedMs = Number.NEGATIVE_INFINITY;

  const failed = (error: unknown): Decision => {
    failures++;
    if (now() - loggedMs >= LOG_EVERY_MS) {
      const cause = error instanceof Error ? error.message : String(error);
      log('warn', 'the external decision failed, so what it was asked about was refused', { error: cause, failures });
      failures = 0;
      loggedMs = now();
    }
    return { effect: 'deny', rule: 'external' };
  };

  return async (facts, roles, decision, policyVersion) => {
    if (underWay >= MAX_QUESTIONS) return failed(new Error(`more than ${MAX_QUESTIONS} questions are under way`));
    underWay++;
    try {
      const { allow, reason } = await ask(settings, options, inputOf(facts, roles, decision, policyVersion));
      if (allow) return decision;
      return { effect: 'deny', rule: 'external', ...(reason !== undefined && { reason }) };
    } catch (error) {
      return failed(error);
    } finally {
      underWay--;
    }
  };
}

/** The same names as in conditions. */
function inputOf(facts: Facts, roles: ReadonlySet<string>, decision: Decision, policyVersion: string): object {
  const { principal, target, view } = facts;
  const { kind, server, canonicalId: id, annotations = {} } = target;
  return {
    principal: { ...principal, roles: [...roles] },
    target: { kind, server, id, name: nameOf(server, id) },
    arguments: facts.arguments ?? {},
    annotations,
    time: new Date(facts.nowMs).toISOString(),
    address: facts.address ?? '',
    ...(view !== undefined && { view }),
    effect: decision.effect,
    rule: decision.rule,
    policyVersion,
  };
}

interface Answered {
  readonly allow: boolean;
  readonly reason?: string;
}

async function ask(settings: ExternalSettings, { fetch, timeout }: ExternalOptions, input: object): Promise<Answered> {
  const response = await fetch(settings.url, {
    method: 'POST',
    headers: { ...settings.headers, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ input }),
    redirect: 'error',
    signal: timeout(settings.timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  return readAnswer(JSON.parse(await readText(response)));
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels the rest.
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`it answered with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer(answer: unknown): Answered {
  const result = (answer as { readonly result?: unknown } | null)?.result;
  if (typeof result === 'boolean') return { allow: result };
  const { allow, reason } = (result ?? {}) as { readonly allow?: unknown; readonly reason?: unknown };
  if (typeof allow !== 'boolean') throw new Error('its result is neither true, false nor {allow, reason}');
  return { allow, ...(typeof reason === 'string' && reason !== '' && { reason: reason.slice(0, MAX_REASON) }) };
}
