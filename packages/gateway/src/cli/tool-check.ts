/** The programs of `tools`, looked at before they are used: their syntax and their schemas, with the place in the file. Runs nothing. */

import { dirname, resolve } from 'node:path';
import type { JsonObject } from '@sallyport/wire';
import type { Failure } from '../code/messages.ts';
import type { DetailedConfig } from '../config/index.ts';
import type { Path } from '../config/source.ts';
import type { Position, Problem } from '../config/types.ts';
import type { ToolConfig } from '../config/types-tools.ts';

type Loaded = Pick<DetailedConfig, 'config' | 'path' | 'positionOf' | 'text' | 'written'>;

/** Everything that would keep a tool from working. */
export async function toolProblems(loaded: Loaded): Promise<Problem[]> {
  const tools = Object.entries(loaded.config.tools);
  if (tools.length === 0) return [];
  const { schemaProblem } = await import('../code/check-value.ts');
  const { syntaxProblems } = await import('../code/syntax.ts');
  const failures = await syntaxProblems(tools.map(([, { code }]) => code));
  return tools.flatMap(([name, tool], at) => [
    ...schemaProblems(name, tool, schemaProblem, loaded),
    ...codeProblems(name, failures[at], loaded),
  ]);
}

function schemaProblems(
  name: string,
  tool: ToolConfig,
  problemOf: (schema: JsonObject) => string | undefined,
  { path: file, positionOf }: Loaded,
): Problem[] {
  return (['inputSchema', 'outputSchema'] as const).flatMap((key) => {
    const wrong = tool[key] && problemOf(tool[key]);
    const path = ['tools', name, key];
    return wrong === undefined
      ? []
      : [problemAt(file, path, `nothing can be checked by this schema: ${wrong}`, positionOf(path))];
  });
}

function codeProblems(name: string, wrong: Failure | undefined, loaded: Loaded): Problem[] {
  if (wrong === undefined) return [];
  const path = ['tools', name, 'code'];
  const said = `${wrong.name}: ${wrong.message}`;
  const { line, column = 1 } = wrong;
  const named = fileOf(loaded.written, name);
  if (named !== undefined) {
    const file = resolve(dirname(loaded.path), named);
    return [problemAt(file, path, said, line === undefined ? undefined : { line, column })];
  }
  const position = loaded.positionOf(path);
  const exact = line === undefined ? undefined : inBlock(loaded.text, position, { line, column });
  const where = line === undefined || exact !== undefined ? '' : ` (line ${line} of the program)`;
  return [problemAt(loaded.path, path, `${said}${where}`, exact ?? position)];
}

function problemAt(file: string, path: Path, message: string, position: Position | undefined): Problem {
  return { file, path, message, ...(position !== undefined && { position }) };
}

/** The file that a program was read from. */
function fileOf(written: unknown, name: string): string | undefined {
  const { tools } = written as { readonly tools?: Readonly<Record<string, { readonly code?: unknown }>> };
  const code = tools?.[name]?.code;
  return typeof code === 'string' ? /^\$\{file:([^{}]*)\}$/.exec(code)?.[1] : undefined;
}

/** Of a text that begins on the line after its key, as YAML's `|` and TOML's `'''` do; undefined where it does not. */
function inBlock(text: string, key: Position | undefined, inside: Position): Position | undefined {
  if (key === undefined) return undefined;
  const lines = text.split('\n');
  if (!/(?:\|[-+\d]*|'''|""")\s*$/.test(lines[key.line - 1] ?? '')) return undefined;
  const first = lines[key.line] ?? '';
  const indent = lines[key.line - 1]?.includes('|') === true ? first.length - first.trimStart().length : 0;
  return { line: key.line + inside.line, column: indent + inside.column };
}
