/** `run_code`: a model writes a small program over the tools, and only what the program gives comes back. */

import type { Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import type { AnsweringTool } from '../meta.ts';
import { tableOf, told, type Programs } from './programs.ts';

const MAX_CODE = 64 * 1024;
const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 300;

const DESCRIPTION = `Runs a JavaScript program over the tools and gives its result. Use it to call several tools, to loop and to filter, so that only what matters comes back. In it: \`await tools.<server>.<tool>({...})\` gives the structured content or the text of the result and throws when the tool fails; console.log is given back too. Calls may run in parallel (Promise.all). End with an expression or return a value. Nothing else is there: no network, no files, no modules. describe_tools shows the types.`;

/** What a client lists. */
export const RUN_CODE: JsonObject = {
  name: 'run_code',
  title: 'Run a program',
  description: DESCRIPTION,
  inputSchema: {
    type: 'object',
    properties: {
      code: { type: 'string', description: 'JavaScript; await may stand anywhere' },
      timeout: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: MAX_SECONDS,
        default: DEFAULT_SECONDS,
        description: 'Seconds',
      },
    },
    required: ['code'],
  },
  annotations: { readOnlyHint: false, destructiveHint: true },
};

export function createRunCode(programs: Programs): AnsweringTool {
  return {
    kind: 'answers',
    name: 'run_code',
    definition: () => RUN_CODE,
    answer: async (call, { code, timeout = DEFAULT_SECONDS }, { tools }) => {
      const wrong = wrongWith(code, timeout);
      if (wrong !== undefined) return toolError(call, wrong);
      const timeoutMs = (timeout as number) * 1000;
      return await programs.run({ outer: call, code: code as string, tools: tableOf(tools.values()), timeoutMs, told });
    },
  };
}

function wrongWith(code: unknown, timeout: unknown): string | undefined {
  if (typeof code !== 'string' || code.trim() === '') return 'run_code needs code: the text of a program.';
  if (code.length > MAX_CODE) return `A program may have ${MAX_CODE} characters.`;
  if (typeof timeout === 'number' && timeout > 0 && timeout <= MAX_SECONDS) return undefined;
  return `timeout is a number of seconds, at most ${MAX_SECONDS}.`;
}

function toolError({ exchange }: Call, text: string): Answer {
  const result = { content: [{ type: 'text', text }], isError: true };
  return { kind: 'value', result: exchange.era === 'stateless' ? { ...result, resultType: 'complete' } : result };
}
