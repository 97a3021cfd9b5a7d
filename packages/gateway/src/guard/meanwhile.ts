/**
 * What a server says and asks while it works on a call (progress, log messages, sampling, elicitation), and what its client
 * answers: held against secrets like arguments and results. Hidden instructions are not looked for here: such a question is meant
 * to instruct, and its client shows it to a person (MCP 2025-11-25, sampling and elicitation).
 */

import type { JsonObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { placeholderOwner } from './in.ts';
import { secretsIn, type OwnSecrets, type SecretsFound } from './secrets/own.ts';
import type { Placeholders } from './secrets/placeholders.ts';
import { redacted } from './secrets/redacted.ts';

export interface MeanwhileOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  readonly placeholders: Placeholders;
  readonly report: (finding: Finding, call: Call) => void;
  /** Where there is no call. */
  readonly found: (finding: Finding, about: { readonly server: string; readonly target: string }) => void;
}

export interface Meanwhile {
  /** Parameters as the client may see them; undefined: they are kept back. */
  readonly said: (call: Call, params: JsonObject) => JsonObject | undefined;
  /** Whether news may pass that belong to no call; they are not changed. */
  readonly mayTell: (server: string, params: JsonObject | undefined) => boolean;
  /** What a client answers as the server may see it; undefined: it is kept back. */
  readonly replied: (call: Call, result: JsonObject) => JsonObject | undefined;
}

export function createMeanwhile({ found: tell, own, placeholders, report, settings }: MeanwhileOptions): Meanwhile {
  return {
    said: (call, params) => {
      const { secrets } = settings();
      const bytes = Buffer.from(JSON.stringify(params));
      const found = secrets === 'off' ? undefined : secretsIn(bytes, own);
      if (found === undefined) return params;
      const action = found.isOwn || (secrets === 'redact' && found.isHidden) ? 'block' : actionOf(secrets);
      report({ check: 'secrets', where: 'message', kinds: found.kinds, action }, call);
      if (action === 'block') return undefined;
      return action === 'flag' ? params : replaced(bytes, found, call);
    },
    mayTell: (server, params) => {
      const { secrets } = settings();
      const found = secrets === 'off' ? undefined : secretsIn(Buffer.from(JSON.stringify(params ?? {})), own);
      if (found === undefined) return true;
      const action = found.isOwn || secrets !== 'flag' ? 'block' : 'flag';
      tell({ check: 'secrets', where: 'message', kinds: found.kinds, action }, { server, target: server });
      return action === 'flag';
    },
    replied: (call, result) => {
      const { secrets } = settings();
      if (secrets === 'off') return result;
      const text = JSON.stringify(result);
      const found = secretsIn(Buffer.from(text), own);
      if (found !== undefined) {
        const action = found.isOwn || secrets === 'block' ? 'block' : 'flag';
        report({ check: 'secrets', where: 'reply', kinds: found.kinds, action }, call);
        if (action === 'block') return undefined;
      }
      if (secrets !== 'redact') return result;
      const restored = placeholders.restore(placeholderOwner(call), text);
      if (restored === text) return result;
      return restored === undefined ? undefined : (JSON.parse(restored) as JsonObject);
    },
  };

  function replaced(bytes: Buffer, { found }: SecretsFound, call: Call): JsonObject | undefined {
    try {
      return JSON.parse(redacted(bytes, found, placeholderOwner(call), placeholders)) as JsonObject;
    } catch {
      return undefined;
    }
  }
}

function actionOf(secrets: GuardSettings['secrets']): Finding['action'] {
  return secrets === 'off' ? 'flag' : secrets;
}
