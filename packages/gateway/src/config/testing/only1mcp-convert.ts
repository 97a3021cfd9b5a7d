/** What tests of the conversion from Only1MCP are given: it, and what came out read as a file of ours. */
import { checkDraft, draftOf } from '../check-text.ts';
import { convertConfig } from '../convert.ts';
import { configError, ConfigError } from '../problems.ts';
import type { ConfigEntry } from '../schema.ts';

const text = (path: ReadonlyArray<string | number>, message: string): string => `${path.join('.')}: ${message}`;

/** Variables of the files in only1mcp-files.ts. */
export const env: Readonly<
  Record<'HOOK' | 'KEY' | 'TEAM_ID' | 'TEAM_KEY' | 'ADMIN_KEY' | 'OIDC_CLIENT_ID' | 'OIDC_CLIENT_SECRET', string>
> = {
  KEY: 'k',
  TEAM_ID: 't',
  TEAM_KEY: 'a1B2c3D4'.repeat(5),
  HOOK: 'https://hooks.acme.test/in',
  ADMIN_KEY: 'z9Y8x7W6'.repeat(5),
  OIDC_CLIENT_ID: 'us',
  OIDC_CLIENT_SECRET: 'k7QzR2mW'.repeat(5),
};

export interface Converted {
  readonly entry: ConfigEntry;
  readonly text: string;
  /** `path: message` */
  readonly notes: readonly string[];
}

/** Converts, and reads what came out; rejects when it is no configuration. */
export async function convert(written: string, format: 'yaml' | 'toml' = 'yaml'): Promise<Converted> {
  const made = await convertConfig('o.yaml', written, format, 'yaml');
  const { entry, problems } = checkDraft(await draftOf('s.yaml', made.text, 'yaml'), { env, files: new Map() });
  if (entry === undefined) throw configError(problems);
  return { entry, text: made.text, notes: made.notes.map(({ path, message }) => text(path, message)) };
}

/** The errors that stop a conversion, as `path: message`. */
export async function errors(written: string): Promise<string[]> {
  const outcome = await convertConfig('o.yaml', written, 'yaml', 'yaml').catch((error: unknown) => error);
  if (!(outcome instanceof ConfigError)) throw new Error('it was converted');
  return outcome.problems.map(({ path, message }) => text(path, message));
}

/** One server that nobody could object to, and what is added. */
export function small(more: string, server = ''): string {
  return `servers: [{ id: one, name: One, transport: { type: http, url: 'https://a.example/mcp' }${server} }]\n${more}`;
}
