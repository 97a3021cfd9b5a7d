/**
 * Puts an editor's files into a project: a configuration is added to, a command of ours is renewed, what is of somebody else
 * is left alone and told. One change, which `undo` takes back.
 */
import { isFields } from '../layout/json.ts';
import { createWorkspaces } from '../workspace/workspace.ts';
import { type Editor, type EditorFile, editorFiles, MARK } from './files.ts';

export interface KeptFile {
  /** From the folder. */
  readonly path: string;
  readonly why: string;
}

export interface Installed {
  /** Paths from the folder. */
  readonly written: readonly string[];
  readonly kept: readonly KeptFile[];
}

export interface InstallOptions {
  readonly folder: string;
  readonly editor: Editor;
  readonly version: string;
  readonly now: () => number;
  /** Only says what would be written. */
  readonly dryRun?: boolean;
}

/** The text of a file, or why it stays as it is. */
type Wanted = { readonly text: string } | { readonly why: string };

function merged(old: string, { key, name, entry }: Extract<EditorFile, { kind: 'json' }>): Wanted {
  const byHand = `Add it by hand, under "${key}": ${JSON.stringify({ [name]: entry })}`;
  let file: unknown = {};
  try {
    if (old.trim() !== '') file = JSON.parse(old) as unknown;
  } catch {
    return { why: `it is no plain JSON (comments?). ${byHand}` };
  }
  const entries = isFields(file) ? (file[key] ?? {}) : undefined;
  if (!isFields(file) || !isFields(entries)) return { why: `it holds something else than servers. ${byHand}` };
  if (!Object.hasOwn(entries, name)) {
    return { text: `${JSON.stringify({ ...file, [key]: { ...entries, [name]: entry } }, null, 2)}\n` };
  }
  if (JSON.stringify(entries[name]) === JSON.stringify(entry)) return { text: old };
  return { why: `it has a server "${name}" of its own. Ours would be: ${JSON.stringify(entry)}` };
}

function appended(old: string, { taken, text }: Extract<EditorFile, { kind: 'append' }>): Wanted {
  if (old.replaceAll('\r\n', '\n').includes(text.trimEnd())) return { text: old };
  if (taken.test(old)) return { why: `what is there cannot be added to. Write by hand:\n${text}` };
  return { text: old.trim() === '' ? text : `${old.trimEnd()}\n\n${text}` };
}

function wantedOf(old: string | undefined, file: EditorFile): Wanted {
  if (file.kind === 'json') return merged(old ?? '', file);
  if (file.kind === 'append') return appended(old ?? '', file);
  return old === undefined || old.includes(MARK) ? { text: file.text } : { why: 'it is not one of ours.' };
}

interface Plan {
  readonly texts: ReadonlyMap<string, string>;
  readonly written: readonly string[];
  readonly kept: readonly KeptFile[];
}

async function plan(files: readonly EditorFile[], read: (path: string) => Promise<string | undefined>): Promise<Plan> {
  const texts = new Map<string, string>();
  const written: string[] = [];
  const kept: KeptFile[] = [];
  for (const file of files) {
    const old = await read(file.path);
    const wanted = wantedOf(old, file);
    if ('why' in wanted) kept.push({ path: file.path, why: wanted.why });
    else if (wanted.text !== old) {
      texts.set(file.path, wanted.text);
      written.push(file.path);
    }
  }
  return { texts, written, kept };
}

/** Throws a SpecError for a folder that is no workspace, and for a file that leads out of it. */
export async function installEditor({ folder, editor, version, now, dryRun }: InstallOptions): Promise<Installed> {
  const workspace = createWorkspaces({ roots: [folder], now }).open();
  const files = editorFiles(editor, version);
  if (dryRun === true) {
    const { kept, written } = await plan(files, async (path) => workspace.read(path));
    return { written, kept };
  }
  const { value } = await workspace.change('workspace', `install ${editor}`, async (draft) => {
    const { kept, texts, written } = await plan(files, async (path) => draft.read(path));
    for (const [path, text] of texts) draft.write(path, text);
    return { written, kept };
  });
  return value;
}
