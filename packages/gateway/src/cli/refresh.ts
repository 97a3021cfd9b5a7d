/**
 * `sallyport refresh NAME`: takes the OpenAPI document of a server as it is now, after showing what is another in it. Nothing
 * else does: what was looked at once is what counts.
 */
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { checkDraft, draftOf } from '../config/check-text.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { copyPath, maxDocumentBytes } from '../config/openapi-files.ts';
import { isDocumentUrl } from '../config/servers.ts';
import { maxFileBytes } from '../config/source.ts';
import { documentChanges, readDocument, type ApiDocument } from '../openapi/index.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { changeFile } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { keepCopy, takeDocument } from './openapi-document.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';

/** Of what is another, so much is said. */
const MAX_SAID = 50;

export function register(program: Command, context: CliContext): void {
  program
    .command('refresh')
    .summary('take the OpenAPI document of a server as it is now')
    .description(
      'Fetches the OpenAPI document of a server again, or takes its file as it is, shows what is another in it, and pins that. Asks first on a terminal.',
    )
    .argument('<NAME>', 'the server')
    .option('--yes', 'do not ask')
    .action(async (name: string, { yes }: { readonly yes?: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      const written = await documentOf(context, globals, name);
      const { text, hash } = await refreshed(context, globals, { ...written, name, mayTake: yes === true });
      printResult(context, globals, { name, sha256: hash, changed: hash !== written.sha256 }, text);
    });
}

interface Refresh extends Written {
  readonly name: string;
  /** Without asking. */
  readonly mayTake: boolean;
}

async function refreshed(
  context: CliContext,
  globals: GlobalOptions,
  { directory, document: where, mayTake, name, sha256 }: Refresh,
): Promise<{ readonly text: string; readonly hash: string }> {
  const isUrl = isDocumentUrl(where);
  const { copy, document, hash } = await takeDocument(context, isUrl ? where : resolve(directory, where));
  if (!isUrl && sha256 === undefined) {
    return { hash, text: `${oneLine(where)} is your own file and not pinned: sallyport reload takes it as it is` };
  }
  const path = copyPath(directory, name);
  const isKept = copy === undefined || (await isThere(context, path, copy));
  if (hash === sha256 && isKept) return { hash, text: `the document of ${name} is the same` };
  const news = documentChanges(isUrl ? await before(context, path) : undefined, document, name);
  for (const line of news.slice(0, MAX_SAID)) note(context, oneLine(line));
  if (news.length > MAX_SAID) note(context, `and ${news.length - MAX_SAID} more`);
  if (!mayTake) await ask(context, name);
  if (copy !== undefined) await keepCopy(context, path, copy);
  await changeFile(context, globals, { kind: 'document', name, sha256: hash });
  return { hash, text: `the document of ${name} is pinned as it is now` };
}

async function ask(context: CliContext, name: string): Promise<void> {
  if (context.isTerminal && (await context.confirm(`Take the document of ${name} as it is now?`))) return;
  throw new CliError('nothing was changed: --yes takes it without asking', exitCodes.failed);
}

interface Written {
  readonly directory: string;
  readonly document: string;
  readonly sha256: string | undefined;
}

/** Also from a configuration that cannot be used because the document is not there. */
async function documentOf(
  { cwd, env, files, home }: CliContext,
  globals: GlobalOptions,
  name: string,
): Promise<Written> {
  const { path } = await findConfig({ cwd, env, home, file: globals.config, exists: files.exists });
  const { realPath } = await files.checkTrusted(path);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await files.read(realPath, maxFileBytes));
  const { entry, problems } = checkDraft(await draftOf(path, text, configFormat(path)), { env, files: new Map() });
  if (entry === undefined) {
    throw new CliError(problems.map(({ message }) => oneLine(message)).join('\n'), exitCodes.configuration);
  }
  const openapi = Object.hasOwn(entry.mcpServers, name) ? entry.mcpServers[name]?.openapi : undefined;
  if (openapi === undefined)
    throw new CliError(`there is no server ${oneLine(name)} with \`openapi\``, exitCodes.configuration);
  return { directory: dirname(path), document: openapi.document, sha256: openapi.sha256 };
}

async function isThere({ files }: CliContext, path: string, copy: string): Promise<boolean> {
  if (!(await files.exists(path))) return false;
  return new TextDecoder().decode(await files.read(path, maxDocumentBytes)) === copy;
}

/** The copy that there is; undefined: there is none that can be read. */
async function before({ files }: CliContext, path: string): Promise<ApiDocument | undefined> {
  try {
    return readDocument(await files.read(path, maxDocumentBytes));
  } catch {
    return undefined;
  }
}
