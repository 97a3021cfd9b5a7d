/** What every change of the configuration takes and answers. */

import type { JsonObject } from '@sallyport/wire';
import { flagIn, has, STRING, STRINGS, textIn } from './body.ts';
import type { ConfigEdit } from './source.ts';
import type { AdminRequest } from './types.ts';

export const TRIAL: Readonly<Record<string, string>> = {
  dryRun: '`true`: nothing is changed, and what would come of it is told.',
};

export const CONFIRM: JsonObject = {
  confirm: { ...STRING, description: 'The hash that the answer before gave, with the commands that will be run.' },
};

const COMMANDS: JsonObject = {
  type: 'array',
  description: 'What would be started, or is: the command line, names of variables, folder and sandbox.',
  items: has({ server: STRING, command: STRINGS, environment: STRINGS, cwd: STRING, sandbox: { type: 'object' } }),
};

export const CHANGED: JsonObject = has(
  { status: { enum: ['applied', 'unchanged', 'confirm', 'valid'] } },
  {
    properties: {
      status: { enum: ['applied', 'unchanged', 'confirm', 'valid'] },
      diff: { ...STRINGS, description: 'By key, secrets masked.' },
      hash: { ...STRING, description: 'Of `reload: confirm`: for POST /reload.' },
      commands: COMMANDS,
      ...CONFIRM,
    },
  },
);

export function editOf({ body, caller, mayCommand, query }: AdminRequest, action: string): ConfigEdit {
  return {
    mayCommand,
    confirm: textIn(body, 'confirm'),
    isTrial: flagIn(query, 'dryRun'),
    by: { issuer: caller.issuer, subject: caller.subject },
    action,
  };
}
