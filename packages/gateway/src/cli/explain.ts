/**
 * `sallyport explain TOOL [--as WHO] [JSON]`: what the policy says of a call, and why. The gateway that runs is asked about the
 * policy in force; without one it is that of the configuration. Nothing is called.
 */
import type { JsonObject } from '@sallyport/wire';
import type { Command } from 'commander';
import { EXPLAIN_PATH } from '../wiring/admin-endpoints.ts';
import type { AskedKind, ExplainAnswer, ExplainRequest } from '../policy/index.ts';
import { unknownName } from './call.ts';
import { withGateway, type Reached } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { explanationText } from './explain-text.ts';
import { readWho, type WhoOptions } from './explain-who.ts';
import { askOwn } from './own-endpoint.ts';
import { printResult } from './output.ts';
import { oneLine, painter } from './text.ts';
import { readPairs, readWords, type Words } from './words.ts';

interface ExplainOptions extends WhoOptions {
  readonly prompt?: boolean;
  readonly resource?: boolean;
  readonly view?: string;
  readonly address?: string;
}

const collect = (word: string, before: readonly string[]): readonly string[] => [...before, word];

export function register(program: Command, context: CliContext): void {
  program
    .command('explain')
    .summary('what the policy says of a call, and why')
    .description(
      'Says whether a call would be allowed, and by which rule. Exit code 0 when it is, also after a person was asked; 4 when it is refused.',
    )
    .argument('<TOOL>', 'a tool by its shown name or its id (`server__name`)')
    .argument('[ARGUMENTS...]', 'of the call, for rules with conditions: JSON, - or name=value …')
    .option('--as <WHO>', 'the name of a client key, or ISSUER#SUBJECT; otherwise the local key')
    .option('--role <ROLE>', 'a role that the token of ISSUER#SUBJECT states; may be given again', collect, [])
    .option('--group <GROUP>', 'a group of it; may be given again', collect, [])
    .option('--claim <NAME=VALUE>', 'a claim of it, the value as JSON or text; may be given again', collect, [])
    .option('--scope <SCOPE>', 'an OAuth scope of it; may be given again', collect, [])
    .option('--prompt', 'TOOL is a prompt')
    .option('--resource', 'TOOL is the URI of a resource, or a template')
    .option('--view <VIEW>', 'through this view')
    .option('--address <ADDRESS>', 'from this network address')
    .action(async (name: string, words: readonly string[], options: ExplainOptions, command: Command) => {
      const globals = globalsOf(command, context);
      const kind = kindOf(options);
      // What is wrong with the words is said before anything is started.
      const as = readWho(options);
      const read = await readWords(words, context.stdin);
      const { address, view } = options;
      const place = { ...(view !== undefined && { view }), ...(address !== undefined && { address }) };
      await withGateway(
        context,
        globals,
        async (gateway) => {
          const request = { kind, name, as, arguments: await argumentsOf(read, kind, name, gateway), ...place };
          const { explanation } = explained(await ask(context, gateway, request), request);
          const paint = painter(globals.color && context.columns() !== undefined);
          printResult(context, globals, explanation, explanationText(explanation, paint));
          if (explanation.decision.effect === 'deny') context.exit(exitCodes.refused);
        },
        { logLevel: 'silent' },
      );
    });
}

function kindOf({ prompt, resource }: ExplainOptions): AskedKind {
  if (prompt !== true) return resource === true ? 'resource' : 'tool';
  if (resource === true) throw new CliError('--prompt and --resource exclude each other', exitCodes.usage);
  return 'prompt';
}

async function argumentsOf(read: Words, kind: AskedKind, name: string, gateway: Reached): Promise<JsonObject> {
  if (read.kind === 'object') return read.value;
  const { tools } = kind === 'tool' && read.pairs.length > 0 ? await gateway.tools() : { tools: [] };
  const tool = tools.find((each) => each.name === name || each.id === name);
  return readPairs(read.pairs, tool?.inputSchema);
}

async function ask(context: CliContext, { url }: Reached, request: ExplainRequest): Promise<ExplainAnswer> {
  return (await askOwn(context, { url: url.href }, EXPLAIN_PATH, request)) as ExplainAnswer;
}

function explained(
  answer: ExplainAnswer,
  { as, kind, name }: ExplainRequest,
): Extract<ExplainAnswer, { readonly explanation: unknown }> {
  if ('explanation' in answer) return answer;
  if ('problem' in answer) throw new CliError(answer.problem, exitCodes.usage);
  if (answer.unknown === 'target') throw unknownName(kind, name, answer.names, 'sallyport list');
  throw new CliError(
    `there is no key \`${oneLine(typeof as === 'string' ? as : as.subject)}\`. See \`sallyport key list\`; the holder of a token is ISSUER#SUBJECT`,
    exitCodes.failed,
  );
}
