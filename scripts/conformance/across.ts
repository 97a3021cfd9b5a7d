/**
 * The suite of one era against a server that speaks only the other one, through the gateway: which server that is, and
 * which scenarios the other era has no means for. Runs nothing of the suite itself.
 */
import { openSdk2 } from '../../test/support/clients.ts';
import type { Outcome, Revision } from './suite.ts';

export type Era = 'session' | 'stateless';

/** The era of the server that the suite of a revision is to reach. */
export const OTHER_ERA: Readonly<Record<Revision, Era>> = { '2025-11-25': 'stateless', '2026-07-28': 'session' };

/** A scored scenario that cannot pass across the eras. */
export interface Lacking {
  readonly scenario: string;
  /** The one check of it that fails. That any other does is no matter of the era. */
  readonly check: string;
  /** One sentence. */
  readonly reason: string;
}

export const LACKING: Readonly<Record<Revision, readonly Lacking[]>> = {
  '2025-11-25': [],
  '2026-07-28': [
    {
      scenario: 'input-required-result-basic-elicitation',
      check: 'sep-2322-elicitation-incomplete',
      reason:
        'It wants the question under the key `user_name`, and a session-era server gives its questions no names, so the gateway makes up the key.',
    },
  ],
};

export interface Judged {
  readonly scored: readonly Outcome[];
  readonly leftOut: readonly Lacking[];
}

function failure(scenario: string, said: string): Outcome {
  return { scenario, passed: false, failures: [], remarks: [`${said}: remove it from scripts/conformance/across.ts`] };
}

/** Takes out the outcomes that `table` foretells. A line of it that foretells wrongly counts as a failure. */
export function leaveOut(table: readonly Lacking[], outcomes: readonly Outcome[]): Judged {
  const leftOut: Lacking[] = [];
  const scored = outcomes.flatMap((outcome) => {
    const { scenario, passed, failures } = outcome;
    const line = table.find((candidate) => candidate.scenario === scenario);
    if (line === undefined) return [outcome];
    if (passed) return [failure(scenario, 'passes after all')];
    if (failures.length === 0 || failures.some((id) => id !== line.check)) return [outcome];
    leftOut.push(line);
    return [];
  });
  const unknown = table.filter(({ scenario }) => !outcomes.some((outcome) => outcome.scenario === scenario));
  return {
    scored: [...scored, ...unknown.map(({ scenario }) => failure(scenario, 'is not a scored scenario'))],
    leftOut,
  };
}

/** Rejects unless the server at `url` speaks `era` and refuses the other one. */
export async function requireOnly(era: Era, url: string): Promise<void> {
  const other = era === 'session' ? 'stateless' : 'session';
  if (!(await speaks(era, url))) throw new Error(`the server at ${url} does not speak the ${era} era`);
  if (await speaks(other, url)) throw new Error(`the server at ${url} speaks the ${other} era too`);
}

async function speaks(era: Era, url: string): Promise<boolean> {
  try {
    await using opened = await openSdk2(url, { era });
    await opened.client.listTools();
    return true;
  } catch {
    return false;
  }
}
