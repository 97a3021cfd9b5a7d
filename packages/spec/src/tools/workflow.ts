/** The steps of the workflow as tools, up to the list of tasks: the model writes, the server checks. */
import { beginStep } from '../workflow/begin.ts';
import { writeChecklist } from '../workflow/checklist.ts';
import { writeConstitution } from '../workflow/constitution.ts';
import { writePlan } from '../workflow/plan.ts';
import { STEPS } from '../workflow/rules.ts';
import { createFeature, useFeature, writeSpec } from '../workflow/specify.ts';
import { projectStatus } from '../workflow/status.ts';
import { writeTasks } from '../workflow/tasks.ts';
import { HOOK, NAMES, PROBLEMS, SPEC_WRITTEN } from './results.ts';
import {
  bool,
  choice,
  closed,
  fileText,
  list,
  many,
  map,
  num,
  object,
  oneOf,
  optional,
  type OptionalShape,
  str,
  text,
} from './shape.ts';
import { FEATURE, type Tool, tool } from './tool.ts';

const status = tool({
  name: 'workflow_status',
  title: 'Where the project stands',
  description:
    'Lists the features with their artifacts and progress, the feature in work, and the step that comes next for each.',
  reads: true,
  input: {},
  output: object({
    workspace: str,
    constitution: bool,
    current: str,
    by: str,
    features: many(
      object({
        name: str,
        directory: str,
        artifacts: NAMES,
        tasks: object({ done: num, total: num }),
        next: oneOf(...STEPS),
      }),
    ),
  }),
  run: async (project) => projectStatus(project),
});

const begin = tool({
  name: 'step_begin',
  title: 'Begin a step',
  description:
    'Call this before writing anything: answers the template as this project has it, the texts the step builds on, the rules ' +
    'that will be checked, the tools that end the step, and the hooks around it (hooks are for you to carry out; they are not run).',
  reads: true,
  input: { step: choice('The step of the workflow.', STEPS), feature: FEATURE },
  output: object({
    step: oneOf(...STEPS),
    feature: str,
    goal: str,
    rules: NAMES,
    tools: NAMES,
    next: NAMES,
    template: optional(
      object({ name: str, content: str, layers: many(object({ source: str, path: optional(str), strategy: str })) }),
    ),
    context: many(object({ path: str, text: str, revision: str })),
    before: many(HOOK),
    after: many(HOOK),
  }),
  async run(project, { step, feature }) {
    const { template, ...begun } = await beginStep(project, step, feature);
    const layers = template?.layers.map(({ source, path, strategy }) => ({
      source,
      strategy,
      ...(path === undefined ? {} : { path }),
    }));
    return {
      ...begun,
      feature: begun.feature ?? '',
      ...(template === undefined
        ? {}
        : { template: { name: template.name, content: template.content, layers: layers ?? [] } }),
    };
  },
});

const BASED_ON: OptionalShape<string> = optional(
  text(
    'The revision of the text this one builds on, as step_begin or artifacts_read tells: refused when it was changed since.',
    {
      maxLength: 64,
    },
  ),
);

const constitution = tool({
  name: 'constitution_write',
  title: 'Write the constitution',
  description:
    'Writes .specify/memory/constitution.md after checking sections, version rise and dates; puts the sync report on top. ' +
    'Begin with step_begin {step: "constitution"}.',
  input: { content: fileText('The whole constitution, without sync report.'), basedOn: BASED_ON },
  output: object({
    path: str,
    version: str,
    previousVersion: str,
    bump: oneOf('none', 'patch', 'minor', 'major'),
    added: NAMES,
    removed: NAMES,
    modified: NAMES,
    changed: bool,
    problems: PROBLEMS,
  }),
  run: async (project, { content, basedOn }) => writeConstitution(project, content, basedOn),
});

const feature = tool({
  name: 'feature_create',
  title: 'Create a feature',
  description:
    'Makes the next feature folder (specs/001-short-name), its spec.md and requirements checklist, and makes it the feature in ' +
    'work. With content, the specification is checked and nothing is made when it breaks a rule.',
  input: {
    description: text('What the user wants, in their words.', { minLength: 1 }),
    shortName: optional(text('Two to four lower-case words with hyphens.', { maxLength: 60 })),
    content: optional(fileText('The whole specification. The template is written when left out.')),
    numbering: optional(
      choice('How the folder is named; as the project is set up when left out.', ['sequential', 'timestamp']),
    ),
  },
  output: SPEC_WRITTEN,
  run: async (project, params) => createFeature(project, params),
});

const use = tool({
  name: 'feature_use',
  title: 'Choose the feature in work',
  description: 'Writes .specify/feature.json, so that all tools mean this feature when none is named.',
  input: { feature: text('Folder name, number, or path.', { minLength: 1, maxLength: 300 }) },
  output: object({ feature: str, directory: str }),
  run: async (project, params) => useFeature(project, params.feature),
});

const spec = tool({
  name: 'spec_write',
  title: 'Write the specification',
  description:
    'Replaces spec.md of a feature after checking its grammar, and ticks what can be told of its requirements checklist.',
  input: { content: fileText('The whole specification.'), basedOn: BASED_ON, feature: FEATURE },
  output: SPEC_WRITTEN,
  run: async (project, params) => writeSpec(project, params.content, params.feature, params.basedOn),
});

const plan = tool({
  name: 'plan_write',
  title: 'Write the plan',
  description:
    'Writes plan.md and, in the same change, research, data model, quickstart and contracts. Refused while a question is open, a ' +
    'principle of the constitution has no gate, or a gate fails without a row in Complexity Tracking.',
  input: {
    plan: fileText('The whole plan.md.'),
    research: optional(fileText('research.md: decisions with rationale and alternatives.')),
    dataModel: optional(fileText('data-model.md: entities with fields.')),
    quickstart: optional(fileText('quickstart.md.')),
    contracts: optional(map(fileText('A contract.'), 'Files in contracts/ by name, such as {"openapi.yaml": "…"}.')),
    basedOn: BASED_ON,
    feature: FEATURE,
  },
  output: object({
    feature: str,
    path: str,
    gates: many(object({ text: str, verdict: str })),
    missing: NAMES,
    problems: PROBLEMS,
    changed: NAMES,
  }),
  run: async (project, { basedOn, feature: named, ...files }) => writePlan(project, files, named, basedOn),
});

const checklist = tool({
  name: 'checklist_write',
  title: 'Add to a checklist',
  description:
    'Adds questions about the specification to checklists/DOMAIN.md. Ids go on counting; items are never ticked here.',
  input: {
    domain: text('What it is about, such as "security".', { maxLength: 60 }),
    purpose: optional(text('One sentence.', { maxLength: 500 })),
    items: list(
      closed({
        category: text('The heading it stands under.', { maxLength: 120, minLength: 1 }),
        text: text('A question with its tag: "Is … defined for …? [Completeness, Spec §FR-001]".', { maxLength: 1000 }),
      }),
    ),
    feature: FEATURE,
  },
  output: object({ feature: str, path: str, added: NAMES, total: num, problems: PROBLEMS }),
  run: async (project, { feature: named, ...wanted }) => writeChecklist(project, wanted, named),
});

const tasks = tool({
  name: 'tasks_write',
  title: 'Write the list of tasks',
  description:
    'Replaces tasks.md after checking every line, label, dependency and story. Refused when a story has no task, tasks wait for ' +
    'each other, or work that was done is missing.',
  input: { content: fileText('The whole tasks.md.'), basedOn: BASED_ON, feature: FEATURE },
  output: object({
    feature: str,
    path: str,
    total: num,
    parallel: num,
    perStory: many(object({ story: num, title: str, tasks: num })),
    problems: PROBLEMS,
    changed: NAMES,
  }),
  run: async (project, params) => writeTasks(project, params.content, params.feature, params.basedOn),
});

export const WORKFLOW_TOOLS: readonly Tool[] = [
  status,
  begin,
  constitution,
  feature,
  use,
  spec,
  plan,
  checklist,
  tasks,
];
