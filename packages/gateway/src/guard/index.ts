/**
 * The guard of content: arguments against their schemas, secrets in what passes, hidden instructions in what servers say
 * (docs/GUARD.md). Each part is switched by its own key; what is off costs nothing.
 */

import type { KeyObject } from 'node:crypto';
import type { Step } from '../call.ts';
import { createCheckArguments, type ArgumentChecksOptions } from './arguments.ts';
import { createScreen, type Screen, type ScreenOptions } from './definitions.ts';
import { createGuardIn, type GuardInOptions } from './in.ts';
import { createGuardOut, type GuardOutOptions } from './out.ts';
import { createOwnSecrets, type OwnSecrets } from './secrets/own.ts';
import { createPlaceholders } from './secrets/placeholders.ts';

export type { Screen } from './definitions.ts';
export type { Finding } from './finding.ts';
export type { OwnSecrets } from './secrets/own.ts';

export interface GuardOptions
  extends
    Omit<GuardInOptions, 'check' | 'own' | 'placeholders'>,
    Omit<GuardOutOptions, 'own' | 'placeholders'>,
    Pick<ArgumentChecksOptions, 'strict' | 'log'> {
  /** Names the placeholders of secrets. */
  readonly placeholderKey: KeyObject;
  readonly found: ScreenOptions['report'];
}

export interface Guard {
  readonly in: Step;
  readonly out: Step;
  readonly screen: Screen;
  /** Told of every credential of the gateway. */
  readonly own: OwnSecrets;
}

export function createGuard(options: GuardOptions): Guard {
  const own = createOwnSecrets();
  const placeholders = createPlaceholders(options.placeholderKey);
  const check = createCheckArguments({
    ...options,
    patterns: async () => (await import('./patterns.ts')).compilePattern,
  });
  return {
    in: createGuardIn({ ...options, own, placeholders, check }),
    out: createGuardOut({ ...options, own, placeholders }),
    screen: createScreen({ settings: options.settings, own, pause: options.pause, report: options.found }),
    own,
  };
}
