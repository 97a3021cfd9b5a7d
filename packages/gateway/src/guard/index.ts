/**
 * The guard of content: arguments against their schemas, secrets in what passes, hidden instructions in what servers say, and what
 * somebody else's guard says of it (docs/GUARD.md). Each part is switched by its own key; what is off costs nothing.
 */

import type { KeyObject } from 'node:crypto';
import type { Step } from '../call.ts';
import { createCheckArguments, type ArgumentChecksOptions } from './arguments.ts';
import { createScreen, type Screen, type ScreenOptions } from './definitions.ts';
import { createExternalGuard, type ExternalGuardOptions } from './external.ts';
import { createGuardIn, type GuardInOptions } from './in.ts';
import { createMeanwhile, type Meanwhile } from './meanwhile.ts';
import { createGuardOut, type GuardOutOptions } from './out.ts';
import { createOwnSecrets, type OwnSecrets } from './secrets/own.ts';
import { createPlaceholders } from './secrets/placeholders.ts';

export type { Screen } from './definitions.ts';
export type { Finding } from './finding.ts';
export type { Meanwhile } from './meanwhile.ts';
export type { OwnSecrets } from './secrets/own.ts';

export interface GuardOptions
  extends
    Omit<GuardInOptions, 'check' | 'external' | 'own' | 'placeholders'>,
    Omit<GuardOutOptions, 'external' | 'own' | 'placeholders'>,
    Omit<ExternalGuardOptions, 'report'>,
    Pick<ArgumentChecksOptions, 'strict'> {
  /** Names the placeholders of secrets. */
  readonly placeholderKey: KeyObject;
  readonly found: ScreenOptions['report'];
}

export interface Guard {
  readonly in: Step;
  readonly out: Step;
  readonly meanwhile: Meanwhile;
  readonly screen: Screen;
  /** Told of every credential of the gateway by whoever holds it. */
  readonly own: OwnSecrets;
}

export function createGuard(options: GuardOptions): Guard {
  const own = createOwnSecrets();
  const placeholders = createPlaceholders(options.placeholderKey);
  const external = createExternalGuard(options);
  const check = createCheckArguments(options);
  return {
    in: createGuardIn({ ...options, own, placeholders, external, check }),
    out: createGuardOut({ ...options, own, placeholders, external }),
    meanwhile: createMeanwhile({ ...options, own, placeholders }),
    screen: createScreen({ settings: options.settings, own, pause: options.pause, report: options.found }),
    own,
  };
}
