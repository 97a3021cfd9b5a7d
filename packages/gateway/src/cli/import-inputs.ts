/** What a client asks its person for when it starts a server (`inputs` of VS Code): asked once here, or left to a variable. */
import { inputsIn, variableName } from '../clients/index.ts';
import { escapeLiteral } from '../config/expand.ts';
import type { ClientFile, Input } from './client-file.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note } from './output.ts';
import { oneLine } from './text.ts';

export interface Answers {
  /** By id: what to write, in the syntax of the configuration. */
  readonly inputs: ReadonlyMap<string, string>;
  /** For the secret store. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Only inputs that a server uses. `nameFor`: a name for a secret; without it nobody is asked, and each becomes a variable. */
export async function askInputs(
  context: CliContext,
  files: readonly ClientFile[],
  nameFor: ((wanted: string) => string) | undefined,
): Promise<Answers> {
  const inputs = new Map<string, string>();
  const secrets = new Map<string, string>();
  for (const file of files) {
    const used = new Set(file.servers.flatMap(({ entry }) => inputsIn(entry, file.place)));
    for (const id of used) {
      const input = file.inputs.find((one) => one.id === id) ?? { id, hidden: true };
      const variable = variableName(id);
      const answer = nameFor === undefined ? undefined : await answerOf(context, input);
      if (answer === undefined || nameFor === undefined) {
        inputs.set(id, `\${${variable}${input.fallback === undefined ? '' : `:-${input.fallback}`}}`);
        note(context, `${oneLine(id)} was asked for by the client: set the variable ${variable} for the gateway`);
      } else if (input.hidden) {
        const name = nameFor(variable);
        inputs.set(id, `\${secret:${name}}`);
        secrets.set(name, answer);
      } else inputs.set(id, escapeLiteral(answer));
    }
  }
  return { inputs, secrets };
}

/** Undefined: the person leaves it open. */
async function answerOf({ prompts }: CliContext, input: Input): Promise<string | undefined> {
  const message = oneLine(input.description ?? input.id);
  const answer =
    input.options !== undefined
      ? await prompts.choose({ message, choices: input.options.map((value) => ({ value, label: value })) })
      : input.hidden
        ? await prompts.hidden({ message })
        : await prompts.text({ message, initial: input.fallback ?? '', problem: () => undefined });
  if (answer === undefined) throw new CliError('nothing was imported', exitCodes.failed);
  return answer === '' ? undefined : answer;
}
