/** Errors that servers answer with: their text is for people and models like any other. */

import type { Answer } from '@sallyport/server';
import type { JsonRpcErrorObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { inspectText, MAX_PASSAGE } from './injection/inspect.ts';
import { secretsIn, type OwnSecrets } from './secrets/own.ts';

type ErrorAnswer = Extract<Answer, { readonly kind: 'error' }>;

export interface ErrorOptions {
  readonly own: OwnSecrets;
  readonly report: (finding: Finding, call: Call) => void;
}

const WITHHELD = 'The server answered with an error whose text is withheld.';

export function checkedError(answer: ErrorAnswer, call: Call, settings: GuardSettings, options: ErrorOptions): Answer {
  const text = JSON.stringify(answer.error);
  for (const finding of [secretsOf(text, settings, options.own), instructionsOf(text, settings)]) {
    if (finding === undefined) continue;
    options.report(finding, call);
    if (finding.action === 'block') return withheld(answer);
  }
  return answer;
}

function secretsOf(text: string, { secrets }: GuardSettings, own: OwnSecrets): Finding | undefined {
  const found = secrets === 'off' ? undefined : secretsIn(Buffer.from(text), own);
  if (found === undefined) return undefined;
  const action = found.isOwn || secrets !== 'flag' ? 'block' : 'flag';
  return { check: 'secrets', where: 'error', kinds: found.kinds, action };
}

function instructionsOf(text: string, { injection }: GuardSettings): Finding | undefined {
  const kinds = injection === 'off' ? [] : inspectText(text.slice(0, MAX_PASSAGE));
  return kinds.length === 0 || injection === 'off'
    ? undefined
    : { check: 'injection', where: 'error', kinds, action: injection };
}

function withheld(answer: ErrorAnswer): Answer {
  const error: JsonRpcErrorObject = { code: answer.error.code, message: WITHHELD };
  return { ...answer, error };
}
