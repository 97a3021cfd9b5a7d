/**
 * The hooks of `.specify/extensions.yml` around a step of the workflow. They are told, never run; a condition is not
 * evaluated, so a hook that has one is told apart (spec-kit 1.0, "Pre-Execution Checks").
 */
import type { Workspace } from '../workspace/workspace.ts';
import { fieldsOf, readYaml, textOf } from './json.ts';
import { EXTENSIONS_FILE } from './paths.ts';

export interface Hook {
  readonly extension: string;
  readonly command: string;
  /** A hook that is not optional is to be carried out by the agent before it goes on. */
  readonly optional: boolean;
  readonly description: string;
  readonly prompt: string;
  /** Empty when it always applies. */
  readonly condition: string;
}

/** Empty when there is no such file, or it cannot be read: a hook never stops the work. */
export async function hooksFor(workspace: Workspace, when: 'before' | 'after', step: string): Promise<readonly Hook[]> {
  const file = await readYaml(workspace, EXTENSIONS_FILE).catch(() => undefined);
  const listed = fieldsOf(file?.['hooks'])[`${when}_${step}`];
  return (Array.isArray(listed) ? listed.slice(0, 50) : []).map(fieldsOf).flatMap((hook): Hook[] => {
    const command = textOf(hook['command']);
    if (command === undefined || hook['enabled'] === false) return [];
    return [
      {
        extension: textOf(hook['extension']) ?? '',
        command,
        optional: hook['optional'] !== false,
        description: textOf(hook['description']) ?? '',
        prompt: textOf(hook['prompt']) ?? '',
        condition: textOf(hook['condition']) ?? '',
      },
    ];
  });
}
