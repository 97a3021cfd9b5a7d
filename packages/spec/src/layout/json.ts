/** JSON and YAML files of the workspace that hold one object. Does not check what is in them. */
import { parse } from 'yaml';
import { SpecError } from '../errors.ts';
import type { Workspace } from '../workspace/workspace.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An empty record for what is no object. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

/** The text of a field, or undefined. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

async function readObject(
  workspace: Workspace,
  path: string,
  decode: (text: string) => unknown,
): Promise<Fields | undefined> {
  const text = await workspace.read(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = decode(text.replace(/^\u{FEFF}/u, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : '';
    throw new SpecError('grammar', `${path} cannot be read: ${why}. Correct it.`);
  }
  if (value === null || value === undefined) return {};
  if (!isFields(value)) throw new SpecError('grammar', `${path} must hold one object. Correct it.`);
  return value;
}

/** Undefined when there is no such file; a SpecError `grammar` when it is damaged. */
export async function readJson(workspace: Workspace, path: string): Promise<Fields | undefined> {
  return await readObject(workspace, path, (text) => JSON.parse(text) as unknown);
}

/** As `readJson`. Aliases are bounded, so that a small file cannot grow to a large one. */
export async function readYaml(workspace: Workspace, path: string): Promise<Fields | undefined> {
  return await readObject(workspace, path, (text) => parse(text, { maxAliasCount: 100 }) as unknown);
}
