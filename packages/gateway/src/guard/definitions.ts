/**
 * Definitions of tools, prompts and resources, and instructions of servers, held against what hides instructions in them. Each
 * is looked at once; what is found is told once.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { META_GUARD, type Finding, type GuardSettings } from './finding.ts';
import { inspectDefinition, inspectText, type InjectionKind } from './injection/inspect.ts';
import { secretsIn, type OwnSecrets } from './secrets/own.ts';

/** What becomes of a definition; undefined: nothing. */
export type Judgement =
  | { readonly hidden: string }
  /** What clients read in its `_meta`. */
  | { readonly meta: JsonObject };

export interface ScreenOptions {
  readonly settings: () => GuardSettings;
  readonly own: OwnSecrets;
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>;
  readonly report: (finding: Finding, about: { readonly server: string; readonly target: string }) => void;
}

export interface Screen {
  /** Looks at definitions before they come into force, so that nobody waits for all of them at once. */
  prepare(definitions: readonly JsonObject[]): Promise<void>;
  definition(server: string, name: string, definition: JsonObject): Judgement | undefined;
  /** Undefined: they are not passed on. */
  instructions(server: string, text: string): string | undefined;
}

/** Findings that were told. */
const MAX_TOLD = 10_000;

/** Definitions that are looked at in one go. */
const AT_ONCE = 32;

export function createScreen({ own, pause, report, settings }: ScreenOptions): Screen {
  const told = new Set<string>();
  const tell = (finding: Finding, server: string, target: string): void => {
    const key = JSON.stringify([server, target, finding]);
    if (told.has(key)) return;
    if (told.size >= MAX_TOLD) told.clear();
    told.add(key);
    report(finding, { server, target });
  };
  const known = new WeakMap<JsonObject, readonly InjectionKind[]>();
  const inspected = (definition: JsonObject): readonly InjectionKind[] => {
    const kinds = known.get(definition) ?? inspectDefinition(definition);
    known.set(definition, kinds);
    return kinds;
  };
  return {
    prepare: async (definitions) => {
      if (settings().injection === 'off') return;
      for (const [index, definition] of definitions.entries()) {
        inspected(definition);
        if (index % AT_ONCE === AT_ONCE - 1) await pause();
      }
    },
    definition: (server, name, definition) => {
      const { injection, secrets } = settings();
      if (secrets !== 'off' && holdsOwn(JSON.stringify(definition), own)) {
        tell({ check: 'secrets', where: 'definition', kinds: ['sallyport'], action: 'block' }, server, name);
        return { hidden: 'it holds a credential of the gateway' };
      }
      const kinds = injection === 'off' ? [] : inspected(definition);
      if (kinds.length === 0 || injection === 'off')
        return claims(definition) ? { meta: { [META_GUARD]: {} } } : undefined;
      tell({ check: 'injection', where: 'definition', kinds, action: injection }, server, name);
      if (injection === 'block') return { hidden: `it looks as if it hid instructions (${kinds.join(', ')})` };
      return { meta: { [META_GUARD]: { injection: [...kinds] } } };
    },
    instructions: (server, text) => {
      const { injection, secrets } = settings();
      if (secrets !== 'off' && holdsOwn(text, own)) return undefined;
      const kinds = injection === 'off' ? [] : inspectText(text);
      if (kinds.length === 0 || injection === 'off') return text;
      tell({ check: 'injection', where: 'instructions', kinds, action: injection }, server, server);
      return injection === 'block' ? undefined : text;
    },
  };
}

/** What a server says in our name is not passed on. */
function claims({ _meta: meta }: JsonObject): boolean {
  return isObject(meta) && meta[META_GUARD] !== undefined;
}

function holdsOwn(text: string, own: OwnSecrets): boolean {
  return secretsIn(Buffer.from(text), own)?.isOwn === true;
}
