/** DinCoder's tools of the workflow that write: constitution to tasks, clarifications, research. */
import { NAMES, PROBLEMS, SPEC_WRITTEN } from '../tools/results.ts';
import {
  bool,
  choice,
  closed,
  fileText,
  list,
  many,
  num,
  object,
  oneOf,
  optional,
  type Shape,
  str,
  text,
} from '../tools/shape.ts';
import { FEATURE, type Tool, tool } from '../tools/tool.ts';
import { addClarification, type Clarification, listClarifications, resolveClarification } from './clarifications.ts';
import { featureOfPath, SPEC_PATH } from './paths.ts';
import {
  appendResearch,
  beginPlan,
  createConstitution,
  describeFeature,
  generateTasks,
  REFINED,
  refineSpec,
  startFeature,
} from './steps.ts';

const WORDS: Shape<readonly string[]> = list(text('A sentence.', { maxLength: 2000, minLength: 1 }));

const constitutionCreate = tool({
  name: 'constitution_create',
  title: 'Constitution from sentences',
  description:
    'Writes the project’s constitution out of principles and constraints; the version rises by itself. For a full text use constitution_write.',
  input: {
    projectName: text('Name of the project.', { minLength: 1, maxLength: 120 }),
    principles: list(text('"Name: what it demands", or a sentence.', { maxLength: 2000, minLength: 1 })),
    constraints: WORDS,
    preferences: optional(
      closed({ libraries: optional(WORDS), patterns: optional(WORDS), style: optional(text('A sentence.')) }),
    ),
  },
  output: object({ path: str, version: str, changed: bool, problems: PROBLEMS }),
  async run(project, { projectName, principles, constraints, preferences }) {
    const words = { projectName, principles, constraints, ...(preferences === undefined ? {} : { preferences }) };
    const { path, version, changed, problems } = await createConstitution(project, words);
    return { path, version, changed, problems };
  },
});

const specifyStart = tool({
  name: 'specify_start',
  title: 'Start a feature',
  description: 'Makes a feature folder with the template of the specification. Then describe it: spec_write.',
  input: {
    projectName: text('Name of the feature.', { minLength: 1, maxLength: 200 }),
    agent: choice('Which agent writes; it makes no difference here.', ['claude', 'copilot', 'gemini']),
  },
  output: SPEC_WRITTEN,
  run: async (project, { projectName }) => startFeature(project, projectName),
});

const specifyDescribe = tool({
  name: 'specify_describe',
  title: 'Describe the feature',
  description: 'Writes the description into the feature in work; makes a feature when there is none.',
  input: { description: text('What the user wants.', { minLength: 1 }) },
  output: SPEC_WRITTEN,
  run: async (project, { description }) => describeFeature(project, description),
});

const planCreate = tool({
  name: 'plan_create',
  title: 'Begin a plan',
  description:
    'Puts the plan’s template with names, constraints and a gate per principle. Fill it in and write it with plan_write.',
  input: { constraintsText: text('Constraints in a sentence.', { minLength: 1 }), specPath: SPEC_PATH },
  output: object({ path: str, problems: PROBLEMS, changed: NAMES }),
  run: async (project, { constraintsText, specPath }) =>
    beginPlan(project, constraintsText, featureOfPath(project, specPath)),
});

const tasksGenerate = tool({
  name: 'tasks_generate',
  title: 'A first list of tasks',
  description:
    'Draws tasks from the stories, requirements and entities of the feature: a beginning to be refined with tasks_write.',
  input: {
    scope: text('What the list is for.', { minLength: 1, maxLength: 2000 }),
    planPath: optional(text('plan.md of the feature. The one in work when left out.', { maxLength: 4096 })),
  },
  output: object({ feature: str, path: str, total: num, problems: PROBLEMS, changed: NAMES }),
  async run(project, { scope, planPath }) {
    const { feature, path, total, problems, changed } = await generateTasks(
      project,
      scope,
      featureOfPath(project, planPath),
    );
    return { feature, path, total, problems, changed };
  },
});

const CLARIFICATION: Shape<Clarification> = object({
  id: str,
  question: str,
  context: str,
  options: NAMES,
  status: oneOf('pending', 'resolved'),
  resolution: str,
  rationale: str,
});

const clarifyAdd = tool({
  name: 'clarify_add',
  title: 'Note an open question',
  description:
    'Adds a question to clarifications.json and marks it in the specification, behind the passage given as context.',
  input: {
    question: text('The question.', { minLength: 1, maxLength: 1000 }),
    context: optional(text('A passage of spec.md the question is about.')),
    options: optional(list(text('An answer.', { maxLength: 500 }))),
    specPath: SPEC_PATH,
  },
  output: object({ clarification: CLARIFICATION, marked: bool }),
  run: async (project, { specPath, ...wanted }) => addClarification(project, wanted, featureOfPath(project, specPath)),
});

const clarifyResolve = tool({
  name: 'clarify_resolve',
  title: 'Resolve an open question',
  description: 'Puts the resolution where the mark stood and notes question and answer in the specification.',
  input: {
    clarificationId: text('CLARIFY-001', { pattern: '^CLARIFY-[0-9]{3,5}$' }),
    resolution: text('The answer.', { minLength: 1, maxLength: 2000 }),
    rationale: optional(text('Why.', { maxLength: 2000 })),
    specPath: SPEC_PATH,
  },
  output: object({ clarification: CLARIFICATION }),
  run: async (project, { specPath, ...wanted }) => ({
    clarification: await resolveClarification(project, wanted, featureOfPath(project, specPath)),
  }),
});

const clarifyList = tool({
  name: 'clarify_list',
  title: 'Open questions',
  description: 'The questions of clarifications.json.',
  reads: true,
  input: { status: optional(choice('Default all.', ['all', 'pending', 'resolved'])), feature: FEATURE },
  output: object({ total: num, pending: num, resolved: num, clarifications: many(CLARIFICATION) }),
  async run(project, { status = 'all', feature }) {
    const all = await listClarifications(project, feature);
    const pending = all.filter((one) => one.status === 'pending').length;
    const clarifications = all.filter((one) => status === 'all' || one.status === status);
    return { total: all.length, pending, resolved: all.length - pending, clarifications };
  },
});

const specRefine = tool({
  name: 'spec_refine',
  title: 'Refine a section',
  description:
    'Replaces a section of the specification: goals (success criteria), requirements, acceptance (user scenarios), edge cases, or the whole text. Refused when it breaks a rule.',
  input: {
    section: choice('Which section.', REFINED),
    changes: fileText('What stands there now.'),
    reason: text('Why; it is shown when the change is taken back.', { minLength: 1, maxLength: 1000 }),
    specPath: SPEC_PATH,
  },
  output: SPEC_WRITTEN,
  run: async (project, { specPath, ...wanted }) => refineSpec(project, wanted, featureOfPath(project, specPath)),
});

const researchAppend = tool({
  name: 'research_append',
  title: 'Add to the research',
  description: 'Adds a topic to research.md of the feature in work.',
  input: { topic: text('The heading.', { minLength: 1, maxLength: 200 }), content: fileText('The text.') },
  output: object({ path: str, changed: NAMES }),
  run: async (project, { topic, content }) => appendResearch(project, topic, content),
});

export const DINCODER_STEP_TOOLS: readonly Tool[] = [
  constitutionCreate,
  specifyStart,
  specifyDescribe,
  planCreate,
  tasksGenerate,
  clarifyAdd,
  clarifyResolve,
  clarifyList,
  specRefine,
  researchAppend,
];
