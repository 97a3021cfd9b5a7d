/**
 * `envFile`: lines of `NAME=value`, as VS Code and dotenv write them. Comments, `export `, single and double quotes; values are
 * literal, nothing in them is expanded.
 */

/** Gives the variables, or the first line that is none. */
export function parseEnvFile(
  text: string,
): { readonly env: Readonly<Record<string, string>> } | { readonly line: number } {
  const env: Record<string, string> = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)$/.exec(line);
    const value = match === null ? undefined : unquote((match[2] ?? '').trim());
    if (value === undefined || value.includes('\u0000')) return { line: index + 1 };
    env[match?.[1] ?? ''] = value;
  }
  return { env };
}

/** undefined for a quote that does not end. */
function unquote(value: string): string | undefined {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return value.replace(/\s#.*$/, '').trimEnd();
  const match = quote === '"' ? /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(value) : /^'([^']*)'\s*(?:#.*)?$/.exec(value);
  if (match === null) return undefined;
  const inner = match[1] ?? '';
  return quote === '"' ? inner.replaceAll(/\\(.)/g, (_whole, escaped: string) => escapes[escaped] ?? escaped) : inner;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
