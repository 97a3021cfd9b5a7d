/**
 * DinCoder's list of clarifications, `clarifications.json` beside the specification: read, kept, and tied to the marks in
 * spec.md, which both its validator and its linter accept here.
 */
import { SpecError } from '../errors.ts';
import { parseSpec } from '../grammar/spec.ts';
import { fieldsOf, textOf } from '../layout/json.ts';
import { dayOf } from '../layout/paths.ts';
import { insertLines } from '../grammar/edit.ts';
import { noteAnswer } from '../workflow/clarify.ts';
import { artifactPath, featureOf, type Project, readArtifact, type Reader } from '../workflow/project.ts';

export interface Clarification {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  readonly options: readonly string[];
  readonly status: 'pending' | 'resolved';
  readonly resolution: string;
  readonly rationale: string;
}

const MOST_MARKS = 3;
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(/[[\]]/g, '').trim();

async function readAll(reader: Reader, directory: string): Promise<Clarification[]> {
  const text = await reader.read(`${directory}/clarifications.json`);
  if (text === undefined) return [];
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new SpecError('grammar', `${directory}/clarifications.json is not JSON. Correct it or move it away.`);
  }
  const listed = Array.isArray(file) ? file : fieldsOf(file)['clarifications'];
  return (Array.isArray(listed) ? listed : []).map(fieldsOf).flatMap((one): Clarification[] => {
    const id = textOf(one['id']);
    if (id === undefined || !/^CLARIFY-\d{3,5}$/.test(id)) return [];
    const options = Array.isArray(one['options']) ? one['options'].filter((option) => typeof option === 'string') : [];
    return [
      {
        id,
        question: textOf(one['question']) ?? '',
        context: textOf(one['context']) ?? '',
        options,
        status: one['status'] === 'resolved' ? 'resolved' : 'pending',
        resolution: textOf(one['resolution']) ?? '',
        rationale: textOf(one['rationale']) ?? '',
      },
    ];
  });
}

function fileText(all: readonly Clarification[]): string {
  const nextId = Math.max(0, ...all.map(({ id }) => Number(id.slice('CLARIFY-'.length)))) + 1;
  return `${JSON.stringify({ clarifications: all, nextId }, null, 2)}\n`;
}

export async function listClarifications(
  project: Project,
  named: string | undefined,
): Promise<readonly Clarification[]> {
  return await readAll(project.workspace, (await featureOf(project, named)).directory);
}

/** The mark goes behind the passage, or to the end of the overview; the fourth and later questions stay in the list alone. */
function marked(text: string, id: string, question: string, context: string): { text: string; marked: boolean } {
  if (parseSpec(text).marks.length >= MOST_MARKS) return { text, marked: false };
  const mark = `[NEEDS CLARIFICATION: ${id}: ${oneLine(question)}]`;
  const at = context === '' ? -1 : text.indexOf(context);
  if (at !== -1)
    return { text: `${text.slice(0, at + context.length)} ${mark}${text.slice(at + context.length)}`, marked: true };
  const { outline } = parseSpec(text);
  const first = outline.headings.find(({ level }) => level === 2)?.line ?? outline.lines.length;
  return { text: insertLines(text, first - 1, [mark, '']), marked: true };
}

export interface ClarificationAdded {
  readonly clarification: Clarification;
  readonly marked: boolean;
}

export async function addClarification(
  project: Project,
  wanted: { question: string; context?: string; options?: readonly string[] },
  named: string | undefined,
): Promise<ClarificationAdded> {
  const feature = await featureOf(project, named);
  const { value } = await project.workspace.change(feature.name, 'clarification added', async (draft) => {
    const all = await readAll(draft, feature.directory);
    const number = Math.max(0, ...all.map(({ id }) => Number(id.slice('CLARIFY-'.length)))) + 1;
    const clarification: Clarification = {
      id: `CLARIFY-${String(number).padStart(3, '0')}`,
      question: wanted.question,
      context: wanted.context ?? '',
      options: wanted.options ?? [],
      status: 'pending',
      resolution: '',
      rationale: '',
    };
    const spec = await readArtifact(draft, feature, 'spec');
    const edited = marked(spec, clarification.id, wanted.question, clarification.context);
    draft.write(artifactPath(feature, 'spec'), edited.text);
    draft.write(`${feature.directory}/clarifications.json`, fileText([...all, clarification]));
    return { clarification, marked: edited.marked };
  });
  return value;
}

export async function resolveClarification(
  project: Project,
  wanted: { clarificationId: string; resolution: string; rationale?: string },
  named: string | undefined,
): Promise<Clarification> {
  const feature = await featureOf(project, named);
  const { value } = await project.workspace.change(feature.name, 'clarification resolved', async (draft) => {
    const all = await readAll(draft, feature.directory);
    const found = all.find(({ id }) => id === wanted.clarificationId);
    if (found === undefined) {
      throw new SpecError('not_found', `There is no ${wanted.clarificationId}. clarify_list shows those there are.`);
    }
    if (found.status === 'resolved')
      throw new SpecError('conflict', `${found.id} is resolved already: ${found.resolution}`);
    const resolved: Clarification = {
      ...found,
      status: 'resolved',
      resolution: wanted.resolution,
      rationale: wanted.rationale ?? '',
    };
    const spec = await readArtifact(draft, feature, 'spec');
    const mark = new RegExp(`\\[NEEDS CLARIFICATION: ?${found.id}(?::[^\\]]{0,2000})?\\]`, 'g');
    const edited = spec.replace(mark, () => oneLine(wanted.resolution));
    const today = dayOf(project.workspace.now());
    draft.write(
      artifactPath(feature, 'spec'),
      noteAnswer(edited, oneLine(found.question), oneLine(wanted.resolution), today),
    );
    const others = all.map((one) => (one.id === found.id ? resolved : one));
    draft.write(`${feature.directory}/clarifications.json`, fileText(others));
    return resolved;
  });
  return value;
}
