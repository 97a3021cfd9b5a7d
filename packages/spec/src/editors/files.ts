/**
 * The files that put this server and its workflow into an editor: where the server is started, and a command per step. Texts
 * only; what is there already is the matter of install.ts.
 */
import { type Step, STEP_RULES, STEPS } from '../workflow/rules.ts';

export const EDITORS = ['claude-code', 'vscode', 'codex', 'cursor'] as const;
export type Editor = (typeof EDITORS)[number];

export type EditorFile =
  /** Written when it is not there, or is one of ours. */
  | { readonly kind: 'text'; readonly path: string; readonly text: string }
  /** The member `key` gets the entry `name` when it has none; all else of the JSON file stays. */
  | {
      readonly kind: 'json';
      readonly path: string;
      readonly key: string;
      readonly name: string;
      readonly entry: object;
    }
  /** Added at the end, unless it stands there or something is `taken`. */
  | { readonly kind: 'append'; readonly path: string; readonly taken: RegExp; readonly text: string };

const COMMAND = { command: 'sallyport', args: ['spec'] };
/** For those that do not say in which folder they start a server. */
const IN_WORKSPACE = { command: 'sallyport', args: ['spec', '--workspace', '${workspaceFolder}'] };

/** The line by which a file is known to be ours. */
export const MARK = 'Made by `sallyport spec install`.';

interface Command {
  readonly name: string;
  readonly description: string;
  readonly orders: readonly string[];
}

const step = (name: Step): Command => {
  const { goal, tools } = STEP_RULES[name];
  return {
    name,
    description: goal,
    orders: [
      `Call the tool \`step_begin\` of the server \`spec\` with {"step": "${name}"} and keep to the rules it answers.`,
      'Carry out the hooks it names; ask first for those that are optional.',
      `Do the work. End it with ${tools.map((tool) => `\`${tool}\``).join(', ')}; when a tool refuses, correct the lines it names.`,
      'Say in a few sentences what was done, and which step comes next.',
    ],
  };
};

const COMMANDS: readonly Command[] = [
  ...STEPS.map(step),
  {
    name: 'progress',
    description: 'Where the project stands: steps done, tasks open, what is blocked.',
    orders: [
      'Call the tools `workflow_status` and `tasks_stats` of the server `spec`.',
      'Say in a few sentences what is done, what is open and what is blocked. Change nothing.',
    ],
  },
  {
    name: 'validate',
    description: 'Checks the specification, and how plan and tasks fit it.',
    orders: [
      'Call the tools `spec_validate` and `analyze` of the server `spec`.',
      'Tell what they found, the worst first, with line and rule, and what would mend it. Change nothing.',
    ],
  },
  {
    name: 'next',
    description: 'The tasks that can be begun now.',
    orders: [
      'Call the tool `implement_next` of the server `spec`.',
      'Tell which tasks can be begun now, and which of them at the same time. Begin none unless the user asks.',
    ],
  },
];

const ordersOf = ({ description, orders }: Command, input: string): string =>
  [
    description,
    '',
    ...orders.map((order, index) => `${index + 1}. ${order}`),
    '',
    `What the user says to it: ${input}`,
    '',
    `<!-- ${MARK} -->`,
    '',
  ].join('\n');

const AGENTS: readonly { readonly name: string; readonly description: string; readonly text: string }[] = [
  {
    name: 'spec-writer',
    description: 'Writes and refines specifications with the tools of the server spec.',
    text: 'You write specifications. Say what users need and why, never how. Begin with step_begin for specify or clarify, end with feature_create, spec_write or clarify_answer.',
  },
  {
    name: 'plan-architect',
    description: 'Writes plans that keep to the constitution.',
    text: 'You write plans. Begin with step_begin for plan, check every principle of the constitution, decide every unknown in the research, and end with plan_write.',
  },
  {
    name: 'task-manager',
    description: 'Writes the list of tasks and keeps it true.',
    text: 'You write lists of tasks and keep them true. Begin with step_begin for tasks, end with tasks_write; find what comes next with implement_next, and tick with tasks_tick what is done.',
  },
];

const frontMatter = (fields: Readonly<Record<string, string>>): string =>
  ['---', ...Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`), '---', '', ''].join(
    '\n',
  );

/** A plugin in the folder of skills is loaded from there, once the folder is trusted; nothing has to be installed. */
function claudeCode(version: string): EditorFile[] {
  const folder = '.claude/skills/sallyport-spec';
  const plugin = {
    name: 'sallyport-spec',
    version,
    description: `Work by specification. ${MARK}`,
    author: { name: 'Sallyport' },
  };
  return [
    { kind: 'text', path: `${folder}/.claude-plugin/plugin.json`, text: `${JSON.stringify(plugin, null, 2)}\n` },
    { kind: 'json', path: `${folder}/.mcp.json`, key: 'mcpServers', name: 'spec', entry: COMMAND },
    ...COMMANDS.map((command): EditorFile => {
      const head = frontMatter({ description: command.description });
      const path = `${folder}/commands/${command.name}.md`;
      return { kind: 'text', path, text: head + ordersOf(command, '$ARGUMENTS') };
    }),
    ...AGENTS.map(({ name, description, text }): EditorFile => {
      const body = `${frontMatter({ name, description })}${text}\n\n<!-- ${MARK} -->\n`;
      return { kind: 'text', path: `${folder}/agents/${name}.md`, text: body };
    }),
  ];
}

/** Agent skills (agentskills.io), which Codex and VS Code both read there. */
const skills = (): EditorFile[] =>
  COMMANDS.map((command) => {
    const name = `speckit-${command.name}`;
    const head = frontMatter({ name, description: command.description });
    const text = head + ordersOf(command, 'what stands beside the name of this skill.');
    return { kind: 'text', path: `.agents/skills/${name}/SKILL.md`, text };
  });

const vscode = (): EditorFile[] => [
  { kind: 'json', path: '.vscode/mcp.json', key: 'servers', name: 'spec', entry: { type: 'stdio', ...IN_WORKSPACE } },
  ...skills(),
];

/** TOML knows a table once: one of this name, or one that is written in a single line, cannot be added to. */
const TAKEN = /^\s*\[?\s*(["']?)mcp_servers\1\s*(?:\.\s*(["']?)spec\2\s*[\].=]|[=\]])/m;

const codex = (): EditorFile[] => [
  {
    kind: 'append',
    path: '.codex/config.toml',
    taken: TAKEN,
    text: '[mcp_servers.spec]\ncommand = "sallyport"\nargs = ["spec"]\n',
  },
  ...skills(),
];

const cursor = (): EditorFile[] => [
  { kind: 'json', path: '.cursor/mcp.json', key: 'mcpServers', name: 'spec', entry: IN_WORKSPACE },
  ...COMMANDS.map((command): EditorFile => {
    const text = ordersOf(command, 'what follows the command.');
    return { kind: 'text', path: `.cursor/commands/speckit.${command.name}.md`, text };
  }),
];

const FILES: Readonly<Record<Editor, (version: string) => EditorFile[]>> = {
  'claude-code': claudeCode,
  vscode,
  codex,
  cursor,
};

export const editorFiles = (editor: Editor, version: string): readonly EditorFile[] => FILES[editor](version);
