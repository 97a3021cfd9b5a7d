/** The four kinds of things that a server offers, each in its registry, and who is told when one of them changes. */

import type { Prompt } from './prompts.ts';
import { Registry, type Changed, type Entry } from './registry.ts';
import type { Resource, Template } from './resources.ts';
import type { Tool } from './tools.ts';

export type ChangedKind = 'tools' | 'prompts' | 'resources';

export interface Kinds {
  readonly tools: Registry<Tool>;
  readonly prompts: Registry<Prompt>;
  readonly resources: Registry<Resource>;
  readonly templates: Registry<Template>;
}

export function createKinds(
  changed: (kind: ChangedKind, before: Entry | undefined, after: Entry | undefined) => void,
): Kinds {
  const of =
    (kind: ChangedKind): Changed =>
    (before, after) =>
      changed(kind, before, after);
  return {
    tools: new Registry<Tool>('tool', of('tools')),
    prompts: new Registry<Prompt>('prompt', of('prompts')),
    resources: new Registry<Resource>('resource', of('resources')),
    templates: new Registry<Template>('resource template', of('resources')),
  };
}
