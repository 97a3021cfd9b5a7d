/** `sallyport new server NAME`: a small project for a server of one's own, in a folder of that name. Installs nothing. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { projectFiles } from './new-server-templates.ts';
import { printResult } from './output.ts';
import { oneLine } from './text.ts';

/** What is a name of a package, of a folder everywhere and of a server in a configuration. */
const NAME = /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,47}$/;
/** Not to be had as names of packages (npm) or of files (Windows). */
const RESERVED = /^(?:node|npm|test|con|prn|aux|nul|com\d|lpt\d)$/;

export function registerNewServer(verb: Command, context: CliContext): void {
  verb
    .command('server')
    .summary('a project with two tools and a test')
    .description(
      'Writes a small project for an MCP server into a new folder: two tools, a test, and how it is served. In TypeScript, which Node runs by itself from 22.18 on, or with --js in JavaScript.',
    )
    .argument('<NAME>', 'of the server, and of its folder')
    .option('--js', 'in JavaScript', false)
    .action(async (name: string, { js }: { readonly js: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      checkName(name);
      const folder = resolve(context.cwd, name);
      if (await context.files.exists(folder)) {
        throw new CliError(`${folder} is there already: take another name, or remove it first`, exitCodes.failed);
      }
      const files = projectFiles({ name, version: context.version, language: js ? 'js' : 'ts' });
      for (const [path, text] of Object.entries(files)) {
        // Source code: a server that runs as another user must be able to read it.
        await context.files.create(resolve(folder, path), text, { isPrivate: false });
      }
      const next = `Go on with:\n  cd ${name}\n  npm install\n  npm test\n  sallyport dev src/main.${js ? 'js' : 'ts'}`;
      const value = { name, folder, files: Object.keys(files) };
      printResult(context, globals, value, `wrote ${value.files.join(', ')} into ${folder}\n${next}`);
    });
}

function checkName(name: string): void {
  if (NAME.test(name) && !RESERVED.test(name)) return;
  throw new CliError(
    `\`${oneLine(name)}\` cannot be the name of a server: lower-case letters, digits and single hyphens, a letter first, at most 48, and no name that npm or Windows keep for themselves`,
    exitCodes.usage,
  );
}
