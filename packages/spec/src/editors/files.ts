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
  /** The member `key` gets the entry `name`; all else of the JSON file stays. */
  | {
      readonly kind: 'json';
      readonly path: string;
      readonly key: string;
      readonly name: string;
      readonly entry: object;
    }
  /** Added at the end unless its head stands there. */
  | { readonly kind: 'append'; readonly path: string; readonly head: string; readonly text: string };

const COMMAND = { command: 'sallyport', args: ['spec'] };

/** The line by which a file is known to be ours. */
export const MARK = 'Made by `sallyport spec install`.';

function orders(step: Step, input: string): string {
  const { goal, tools } = STEP_RULES[step];
  return [
    goal,
    '',
    `1. Call the tool \`step_begin\` of the server \`spec\` with {"step": "${step}"} and keep to the rules it answers.`,
    '2. Carry out the hooks it names; ask first for those that are optional.',
    `3. Do the work. End it with ${tools.map((name) => `\`${name}\``).join(', ')}; when a tool refuses, correct the lines it names.`,
    '4. Say in a few sentences what was done, and which step comes next.',
    '',
    `What the user says to it: ${input}`,
    '',
    `<!-- ${MARK} -->`,
    '',
  ].join('\n');
}

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

function claudeCode(version: string): EditorFile[] {
  const folder = '.claude/plugins/sallyport-spec';
  const plugin = {
    name: 'sallyport-spec',
    version,
    description: 'Work by specification',
    author: { name: 'Sallyport' },
  };
  return [
    { kind: 'text', path: `${folder}/.claude-plugin/plugin.json`, text: `${JSON.stringify(plugin, null, 2)}\n` },
    { kind: 'json', path: `${folder}/.mcp.json`, key: 'mcpServers', name: 'spec', entry: COMMAND },
    ...STEPS.map((step): EditorFile => {
      const head = frontMatter({ description: STEP_RULES[step].goal });
      return { kind: 'text', path: `${folder}/commands/${step}.md`, text: head + orders(step, '$ARGUMENTS') };
    }),
    ...AGENTS.map(({ name, description, text }): EditorFile => {
      const body = `${frontMatter({ name, description })}${text}\n\n<!-- ${MARK} -->\n`;
      return { kind: 'text', path: `${folder}/agents/${name}.md`, text: body };
    }),
  ];
}

function vscode(): EditorFile[] {
  return [
    { kind: 'json', path: '.vscode/mcp.json', key: 'servers', name: 'spec', entry: { type: 'stdio', ...COMMAND } },
    ...STEPS.map((step): EditorFile => {
      const head = frontMatter({ mode: 'agent', description: STEP_RULES[step].goal });
      return {
        kind: 'text',
        path: `.github/prompts/speckit.${step}.prompt.md`,
        text: head + orders(step, '${input:request}'),
      };
    }),
  ];
}

function codex(): EditorFile[] {
  const head = '[mcp_servers.spec]';
  return [
    { kind: 'append', path: '.codex/config.toml', head, text: `${head}\ncommand = "sallyport"\nargs = ["spec"]\n` },
    ...STEPS.map((step): EditorFile => ({
      kind: 'text',
      path: `.codex/prompts/speckit.${step}.md`,
      text: orders(step, '$ARGUMENTS'),
    })),
  ];
}

function cursor(): EditorFile[] {
  return [
    { kind: 'json', path: '.cursor/mcp.json', key: 'mcpServers', name: 'spec', entry: COMMAND },
    ...STEPS.map((step): EditorFile => ({
      kind: 'text',
      path: `.cursor/commands/speckit.${step}.md`,
      text: orders(step, 'what follows the command.'),
    })),
  ];
}

const FILES: Readonly<Record<Editor, (version: string) => EditorFile[]>> = {
  'claude-code': claudeCode,
  vscode,
  codex,
  cursor,
};

export const editorFiles = (editor: Editor, version: string): readonly EditorFile[] => FILES[editor](version);
