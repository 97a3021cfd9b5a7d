/**
 * Puts an editor's files into a project: a configuration is added to, a command of ours is renewed, a file of somebody else is
 * left alone and told. One change, which `undo` takes back.
 */
import { SpecError } from '../errors.ts';
import { isFields } from '../layout/json.ts';
import type { Draft } from '../workspace/change.ts';
import { createWorkspaces } from '../workspace/workspace.ts';
import { type Editor, type EditorFile, editorFiles, MARK } from './files.ts';

export interface Installed {
  /** Paths from the folder. */
  readonly written: readonly string[];
  /** Files that are somebody else's, and stayed. */
  readonly kept: readonly string[];
}

export interface InstallOptions {
  readonly folder: string;
  readonly editor: Editor;
  readonly version: string;
  readonly now: () => number;
}

function merged(old: string | undefined, { path, key, name, entry }: Extract<EditorFile, { kind: 'json' }>): string {
  let file: unknown = {};
  try {
    if (old !== undefined && old.trim() !== '') file = JSON.parse(old) as unknown;
  } catch {
    throw new SpecError(
      'conflict',
      `${path} is not plain JSON (comments?). Add the server by hand: ${JSON.stringify({ [name]: entry })}`,
    );
  }
  const known = isFields(file) ? file : {};
  const entries = isFields(known[key]) ? known[key] : {};
  if (JSON.stringify(entries[name]) === JSON.stringify(entry)) return old ?? '';
  return `${JSON.stringify({ ...known, [key]: { ...entries, [name]: entry } }, null, 2)}\n`;
}

/** Undefined: it is somebody else's. */
async function textFor(draft: Draft, file: EditorFile): Promise<string | undefined> {
  const old = await draft.read(file.path);
  if (file.kind === 'json') return merged(old, file);
  if (file.kind === 'text')
    return old === undefined || old.includes(MARK) || old === file.text || file.path.endsWith('plugin.json')
      ? file.text
      : undefined;
  if (old === undefined || old === '') return file.text;
  return old.split(/\r?\n/).includes(file.head) ? old : `${old.trimEnd()}\n\n${file.text}`;
}

/** Throws a SpecError for a folder that is no workspace, and for a configuration that cannot be added to. */
export async function installEditor({ folder, editor, version, now }: InstallOptions): Promise<Installed> {
  const workspace = createWorkspaces({ roots: [folder], now }).open();
  const { value, changed } = await workspace.change('workspace', `install ${editor}`, async (draft) => {
    const kept: string[] = [];
    for (const file of editorFiles(editor, version)) {
      const text = await textFor(draft, file);
      if (text === undefined) kept.push(file.path);
      else draft.write(file.path, text);
    }
    return kept;
  });
  return { written: changed, kept: value };
}
