/** Prompts: one for every step of the workflow with its arguments, and DinCoder's seven by their names. They tell a model which tools to call. */
import type { Completer, McpServer, PromptDefinition } from '@sallyport/server';
import { STEP_RULES, STEPS, type Step } from '../workflow/rules.ts';

type Argument = NonNullable<PromptDefinition['arguments']>[number];

interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly Argument[];
  readonly say: (args: Readonly<Record<string, string | undefined>>) => string;
}

const FEATURE: Argument = { name: 'feature', description: 'Folder name or number; the one in work when left out.' };

/** What a user typed after the command, set off so that it is not taken for an instruction of the prompt. */
const given = (label: string, value: string | undefined): string =>
  value === undefined || value.trim() === '' ? '' : `\n\n${label}:\n"""\n${value.replaceAll('"""', '“““')}\n"""`;

function stepPrompt(step: Step): Prompt {
  const { goal, tools, next } = STEP_RULES[step];
  return {
    name: `speckit.${step}`,
    title: `Step: ${step}`,
    description: goal,
    arguments: [{ name: 'input', description: 'What the user says to it.', required: step === 'specify' }, FEATURE],
    say({ input, feature }) {
      const about = feature === undefined || feature === '' ? '' : `, feature: ${JSON.stringify(feature)}`;
      return (
        `${goal}\n\nCall step_begin {step: "${step}"${about}} and keep to the rules it answers. Carry out the hooks it names before ` +
        `and after, asking first for optional ones. End with ${tools.join(', ')}.` +
        (next.length === 0 ? '' : ` Then propose the next step: ${next.join(' or ')}.`) +
        given('The user says', input)
      );
    },
  };
}

const DINCODER: readonly Prompt[] = [
  {
    name: 'start_project',
    title: 'Start a project',
    description: 'From nothing to the first specification.',
    arguments: [
      { name: 'projectName', description: 'Its name.', required: true },
      { name: 'agent', description: 'Which agent works.' },
    ],
    say: ({ projectName, agent }) =>
      'Start this project by specification. Ask for its principles and write them (step_begin constitution, constitution_write), ' +
      `then ask what the first feature is and write it (step_begin specify, feature_create).${given('Project', projectName)}${given('Agent', agent)}`,
  },
  {
    name: 'create_spec',
    title: 'Write a specification',
    description: 'A specification from a description.',
    arguments: [{ name: 'description', description: 'What the user wants.', required: true }],
    say: ({ description }) =>
      `Call step_begin {step: "specify"}, write the specification by its rules and make it with feature_create.${given('The user wants', description)}`,
  },
  {
    name: 'generate_plan',
    title: 'Write a plan',
    description: 'The plan of a feature.',
    arguments: [{ name: 'specPath', description: 'spec.md of the feature.' }],
    say: ({ specPath }) =>
      `Call step_begin {step: "plan"}, write the plan by its rules and end with plan_write.${given('Specification', specPath)}`,
  },
  {
    name: 'create_tasks',
    title: 'Write the tasks',
    description: 'The list of tasks of a feature.',
    arguments: [{ name: 'planPath', description: 'plan.md of the feature.' }],
    say: ({ planPath }) =>
      `Call step_begin {step: "tasks"}, write the list by its rules and end with tasks_write.${given('Plan', planPath)}`,
  },
  {
    name: 'review_progress',
    title: 'Review progress',
    description: 'Where the work stands.',
    arguments: [],
    say: () =>
      'Call workflow_status, tasks_stats and tasks_filter {status: "in_progress"}. Say in a few sentences what is done, what is in work, what holds it up and what comes next.',
  },
  {
    name: 'validate_spec',
    title: 'Validate a specification',
    description: 'What a specification lacks.',
    arguments: [{ name: 'specPath', description: 'spec.md of the feature.' }],
    say: ({ specPath }) =>
      `Call spec_validate and spec_lint${specPath === undefined || specPath === '' ? '' : ` with specPath ${JSON.stringify(specPath)}`}, then clarify_scan. Tell what is wrong, worst first, and propose a wording for each.`,
  },
  {
    name: 'next_tasks',
    title: 'Next tasks',
    description: 'What can be begun now.',
    arguments: [{ name: 'limit', description: 'How many; 5 when left out.' }],
    say: ({ limit }) =>
      `Call implement_next {limit: ${Math.min(200, Math.max(1, Number.parseInt(limit ?? '5', 10) || 5))}}. When its gate is not passed, ask whether to go on. Say for each task what is to be done and where.`,
  },
];

/** `features` offers the names for the argument `feature`. */
export function addPrompts(server: McpServer, features: Completer): void {
  for (const prompt of [...STEPS.map(stepPrompt), ...DINCODER]) {
    const complete = prompt.arguments.some(({ name }) => name === 'feature') ? { complete: { feature: features } } : {};
    const { name, title, description } = prompt;
    server.addPrompt({ name, title, description, arguments: prompt.arguments, ...complete }, (args) =>
      prompt.say(args as Readonly<Record<string, string | undefined>>),
    );
  }
}
