/**
 * Headers as they are given on the command line, `NAME: VALUE`. `${NAME}` in a value stands for a variable of the environment:
 * what is written out is in the list of processes, where everybody on the machine reads it.
 */
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

/** An RFC 9110 token. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function collectHeaders(word: string, before: readonly string[] = []): string[] {
  return [...before, word];
}

/** Throws a `CliError` (usage) for what is no header, and for a variable that is not set. */
export function headersOf(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, text] = FIELD.exec(word) ?? [];
      if (name === undefined || text === undefined) {
        throw new CliError(
          "--header: expected 'NAME: VALUE', such as 'Authorization: Bearer ${TOKEN}'",
          exitCodes.usage,
        );
      }
      const value = text.replace(/\$\{(\w+)\}/g, (_whole, variable: string) => valueOf(variable, env));
      if (!VALUE.test(value)) throw new CliError(`--header ${name}: no value of a header`, exitCodes.usage);
      return [name, value.trim()];
    }),
  );
}

function valueOf(variable: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = env[variable];
  if (value !== undefined && value !== '') return value;
  throw new CliError(`--header: $${oneLine(variable)} is not set`, exitCodes.usage);
}

/** Why a server was not reached; to who lacks a credential, how to give one. */
export function reasonOf(error: unknown): string {
  const { code, message, status } = error as { code?: unknown; message?: unknown; status?: unknown };
  const reason = typeof message === 'string' ? message : String(error);
  const asks = code === 'unauthorized' || status === 401;
  return asks ? `${reason} Give one: --header 'Authorization: Bearer \${TOKEN}'` : reason;
}
