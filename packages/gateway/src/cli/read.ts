/** `sallyport read URI`: reads a resource as any client would. */
import { errorOf, UpstreamError } from '@sallyport/client';
import { isObject } from '@sallyport/wire';
import type { Command } from 'commander';
import { unknownName } from './call.ts';
import { listAll, withGateway } from './connection.ts';
import { printPieces, resourcePiece, writeFirstBinary } from './contents.ts';
import { globalsOf, type CliContext } from './context.ts';
import { invoke } from './invoke.ts';
import { printResult } from './output.ts';
import { textOf } from './text.ts';

const RESOURCE_NOT_FOUND = -32002;

export function register(program: Command, context: CliContext): void {
  program
    .command('read')
    .summary('read a resource')
    .description('Prints the text of a resource; what is binary is named, and written with --output.')
    .argument('<URI>', 'the address of the resource')
    .option('-o, --output <FILE>', 'write the first binary content to FILE')
    .action(async (uri: string, { output }: { readonly output?: string }, command: Command) => {
      const globals = globalsOf(command, context);
      await withGateway(context, globals, async (gateway) => {
        const result = await invoke(context, globals, gateway, 'resources/read', { uri }).catch(
          async (error: unknown) => {
            if (!(error instanceof UpstreamError) || errorOf(error)?.code !== RESOURCE_NOT_FOUND) throw error;
            const known = await listAll(await gateway.session(), 'resources/list', 'resources');
            throw unknownName(
              'resource',
              uri,
              known.map((resource) => textOf(resource['uri'])),
              'sallyport list',
            );
          },
        );
        const { contents } = result;
        const pieces = (Array.isArray(contents) ? contents : []).filter(isObject).map(resourcePiece);
        if (!globals.json) return await printPieces(context, pieces, output);
        printResult(context, globals, result, '');
        await writeFirstBinary(context, pieces, output);
      });
    });
}
