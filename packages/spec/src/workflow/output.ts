/**
 * Files that are generated where a client says: each carries a mark with the hash of the rest, and only a file that still is
 * what was generated is replaced. What a person wrote or changed stays.
 */
import { createHash } from 'node:crypto';
import { SpecError } from '../errors.ts';
import type { Project } from './project.ts';

export interface Output {
  readonly path: string;
  readonly text: string;
  /** What it is, and so by whom it may be replaced. */
  readonly what: 'contract' | 'metrics';
  /** Where the mark goes: the first line, the first member, or the last row of three cells. */
  readonly form: 'comment' | 'json' | 'csv';
  /** The lock it is written under. */
  readonly scope: string;
}

type Marked = Pick<Output, 'text' | 'what' | 'form'>;

const MARK = /^.*\bMade by sallyport spec: (contract|metrics) sha256:([0-9a-f]{64}).*$/m;

const hashOf = (text: string): string => createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');

function marked({ text, what, form }: Marked): string {
  const mark = `Made by sallyport spec: ${what} sha256:${hashOf(text)}`;
  if (form === 'comment') return `# ${mark}\n${text}`;
  if (form === 'csv') return `${text}file,mark,${mark}\r\n`;
  return text.replace('\n', `\n  "$comment": "${mark}",\n`);
}

/** Whether a text is what was generated, whatever its line ends are by now. */
function isGenerated(text: string, what: Output['what']): boolean {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => MARK.test(line));
  const [, whose, hash] = MARK.exec(lines[at] ?? '') ?? [];
  return whose === what && hashOf(lines.toSpliced(at, 1).join('\n')) === hash;
}

/** Answers the whole text. A SpecError `conflict` when another file is there. */
export async function writeOutput(
  project: Project,
  { path, scope, ...output }: Output,
): Promise<{ readonly text: string; readonly changed: readonly string[] }> {
  const text = marked(output);
  const { changed } = await project.workspace.change(scope, `${output.what} generated`, async (draft) => {
    const old = await draft.read(path);
    if (old !== undefined && !isGenerated(old, output.what)) {
      throw new SpecError(
        'conflict',
        `${path} is there and is not as it was generated here, so it is not replaced. Name another outputPath, or move it away.`,
      );
    }
    draft.write(path, text);
  });
  return { text, changed };
}
