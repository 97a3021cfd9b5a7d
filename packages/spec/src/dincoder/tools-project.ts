/** DinCoder's tools around the workflow: lint, contracts, templates, branches, prerequisites; and the upgrade of its files. */
import { createBranch } from '../commands/git.ts';
import { isInstalled, runCommand } from '../commands/run.ts';
import { writeContract } from '../contracts/contracts.ts';
import { CONTRACT_FORMATS } from '../contracts/generate.ts';
import { SpecError } from '../errors.ts';
import { customizeTemplate, listTemplates } from '../layout/custom.ts';
import { listInstalled } from '../layout/packs.ts';
import { lintReport, lintSpec } from '../lint/lint.ts';
import { NAMES } from '../tools/results.ts';
import {
  bool,
  choice,
  closed,
  flag,
  list,
  many,
  map,
  num,
  object,
  oneOf,
  optional,
  type Shape,
  str,
  text,
} from '../tools/shape.ts';
import { type Tool, tool } from '../tools/tool.ts';
import { commandMs, insidePath, type Project } from '../workflow/project.ts';
import { featureOfPath } from './paths.ts';
import { upgradeProject } from './upgrade.ts';

const ANY: Shape<Readonly<Record<string, unknown>>> = { json: { type: 'object', maxProperties: 100 } };

const specLint = tool({
  name: 'spec_lint',
  title: 'Lint the specification',
  description:
    'Form, required sections and prose of spec.md, by .dincoder/lint.json and what is given here. With autoFix, spaces, blank lines and code fences are mended.',
  input: {
    specPath: optional(text('spec.md of the feature.', { maxLength: 4096 })),
    autoFix: optional(flag('Mend what can be mended without changing a word. Default false.')),
    config: optional(
      closed({
        markdownlint: optional(ANY),
        specRules: optional(ANY),
        proseRules: optional(ANY),
        customRules: optional(ANY),
        severityOverrides: optional(ANY),
      }),
    ),
    format: optional(choice('Of the text. Default markdown.', ['markdown', 'json'])),
  },
  output: object({
    path: str,
    passed: bool,
    errors: num,
    warnings: num,
    findings: many(
      object({ rule: str, severity: oneOf('error', 'warning', 'info'), line: num, message: str, fixable: bool }),
    ),
    fixed: num,
    format: str,
  }),
  async run(project, { specPath, autoFix = false, config = {}, format = 'markdown' }) {
    return { ...(await lintSpec(project, { autoFix, config }, featureOfPath(project, specPath))), format };
  },
  text: (value) => (value.format === 'json' ? JSON.stringify(value, null, 2) : lintReport(value)),
});

const contractsGenerate = tool({
  name: 'contracts_generate',
  title: 'Generate a contract',
  description:
    'OpenAPI 3.1 (YAML), GraphQL or JSON Schema out of "GET /path - …" and "Model: …" lines of the specification and plan, and of the data model. A file that it did not write, or that was changed since, stays.',
  input: {
    specPath: optional(text('spec.md of the feature.', { maxLength: 4096 })),
    outputPath: optional(
      text('Where it goes, in the workspace. contracts/ of the feature when left out.', { maxLength: 4096 }),
    ),
    format: optional(choice('Default openapi.', CONTRACT_FORMATS)),
    includeExamples: optional(flag('Default true.')),
  },
  output: object({
    path: str,
    format: oneOf(...CONTRACT_FORMATS),
    endpoints: num,
    models: num,
    content: str,
    changed: NAMES,
  }),
  run: async (project, { specPath, outputPath, format = 'openapi', includeExamples = true }) =>
    writeContract(
      project,
      { format, examples: includeExamples, ...(outputPath === undefined ? {} : { path: outputPath }) },
      featureOfPath(project, specPath),
    ),
});

const templatesList = tool({
  name: 'templates_list',
  title: 'List templates',
  description:
    'Templates by name, and where each comes from in this project: override, preset, extension, core or shipped.',
  reads: true,
  input: {
    includeCustom: optional(flag('Default true.')),
    category: optional(choice('Default all.', ['all', 'project', 'spec', 'plan', 'task', 'other'])),
  },
  output: object({
    total: num,
    templates: many(
      object({ id: str, category: oneOf('project', 'spec', 'plan', 'task', 'other'), description: str, source: str }),
    ),
  }),
  async run(project, wanted) {
    const templates = await listTemplates(project.workspace, wanted);
    return { total: templates.length, templates };
  },
});

const templatesCustomize = tool({
  name: 'templates_customize',
  title: 'Make a template your own',
  description:
    'Puts a file of the workspace over a template, {{variables}} filled in, around or behind the one it extends. Hooks are told back and never run.',
  input: {
    templateId: text('Such as spec-template.', { maxLength: 100, minLength: 1 }),
    customizationPath: text('A Markdown file in the workspace.', { maxLength: 4096, minLength: 1 }),
    overridePath: optional(text('Another name for the override.', { maxLength: 300 })),
    hooks: optional(
      list(
        closed({
          type: choice('When.', ['before', 'after', 'transform', 'validate']),
          script: text('A command.', { maxLength: 1000 }),
          description: optional(text('What for.', { maxLength: 500 })),
        }),
      ),
    ),
    variables: optional(map(text('A value.'), 'Values for {{name}} in the file.')),
    extends: optional(text('The template it is put around ({CORE_TEMPLATE}) or behind.', { maxLength: 100 })),
  },
  output: object({ path: str, changed: NAMES, hooksNotRun: NAMES }),
  async run(project, { hooks = [], customizationPath, ...wanted }) {
    const path = insidePath(project, customizationPath);
    const made = await customizeTemplate(project.workspace, { ...wanted, customizationPath: path });
    return { ...made, hooksNotRun: hooks.map(({ type, script }) => `${type}: ${script}`) };
  },
});

const packs = tool({
  name: 'packs_list',
  title: 'What is set up in .specify',
  description: 'Presets, extensions, workflows, bundles and catalogs of the project: shown, never run or fetched.',
  reads: true,
  input: {},
  output: object({
    packs: many(
      object({
        kind: oneOf('preset', 'extension', 'workflow', 'bundle', 'catalog'),
        id: str,
        name: str,
        version: str,
        description: str,
        enabled: bool,
        priority: num,
        contains: NAMES,
        problem: str,
      }),
    ),
  }),
  run: async (project) => ({ packs: await listInstalled(project.workspace) }),
});

const branch = tool({
  name: 'git_create_branch',
  title: 'Make a branch',
  description:
    'Makes a git branch and goes to it. Refused with changes that are not committed. Hooks of the repository are not run.',
  runs: true,
  input: {
    branchName: text('Letters, digits, "/", "_", "-" and ".".', { minLength: 1, maxLength: 200 }),
    fromBranch: optional(text('The branch it begins from. The present one when left out.', { maxLength: 200 })),
  },
  output: object({ branch: str, from: str }),
  run: async (project, { branchName, fromBranch }, { signal }) => createBranch(project, branchName, fromBranch, signal),
});

async function versionOf(project: Project, program: string, signal: AbortSignal): Promise<string> {
  const options = { cwd: project.workspace.path, env: project.env };
  if (!(await isInstalled(program, options))) return '';
  const { stdout, stderr } = await runCommand(
    { program, args: ['--version'] },
    { ...options, timeoutMs: commandMs(project), signal },
  );
  return /\d+(?:\.\d+){0,3}/.exec(stdout || stderr)?.[0] ?? 'unknown';
}

function atLeast(found: string, wanted: string): boolean {
  const [have, want] = [found, wanted].map((version) => (version.match(/\d+/g) ?? []).map(Number));
  for (const [index, part] of (want ?? []).entries()) {
    const difference = (have?.[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const VERSION: Shape<string> = text('The least version, such as ">=22" or "22.13".', { maxLength: 40 });

const YES_OR_VERSION: Shape<boolean | string> = { json: { type: ['boolean', 'string'], maxLength: 40 } };

const prereqs = tool({
  name: 'prereqs_check',
  title: 'Check what is installed',
  description: 'Versions of node, npm, git and others in PATH. A name is a name: no path, arguments or shell.',
  reads: true,
  runs: true,
  input: {
    checkFor: optional(
      closed({
        node: optional(VERSION),
        npm: optional(VERSION),
        git: optional(YES_OR_VERSION),
        customCommands: optional(list(text('The name of a program.', { maxLength: 100 }))),
      }),
    ),
  },
  output: object({ passed: bool, programs: many(object({ name: str, version: str, wanted: str, passed: bool })) }),
  async run(project, { checkFor = { node: '', npm: '', git: true } }, { signal }) {
    const { customCommands = [], ...known } = checkFor;
    const wanted = Object.entries(known)
      .filter(([, least]) => least !== false)
      .map(([name, least]): [string, string] => [name, typeof least === 'string' ? least : '']);
    for (const name of customCommands) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(name)) {
        throw new SpecError(
          'invalid_input',
          `${JSON.stringify(name.slice(0, 60))} is no name of a program. Give names only, such as "docker".`,
        );
      }
      wanted.push([name, '']);
    }
    const programs: { name: string; version: string; wanted: string; passed: boolean }[] = [];
    for (const [name, least] of wanted.slice(0, 50)) {
      const version = await versionOf(project, name, signal);
      programs.push({
        name,
        version,
        wanted: least,
        passed: version !== '' && (version === 'unknown' || atLeast(version, least)),
      });
    }
    return { passed: programs.every(({ passed }) => passed), programs };
  },
});

const upgrade = tool({
  name: 'dincoder_upgrade',
  title: 'Upgrade DinCoder’s files',
  description:
    'Moves features of .dincoder/specs to specs/, rewrites old task lines, and keeps a copy of each file in .dincoder/backup-….',
  input: {},
  output: object({
    backup: str,
    moved: many(object({ from: str, to: str })),
    rewritten: NAMES,
    constitution: bool,
  }),
  run: async (project) => upgradeProject(project),
});

const echo = tool({
  name: 'test_echo',
  title: 'Echo',
  description: 'Answers what it was told: whether the server can be reached.',
  reads: true,
  input: { message: text('Anything.') },
  output: object({ message: str }),
  run: async (_project, { message }) => Promise.resolve({ message: `Echo: ${message}` }),
  text: ({ message }) => message,
});

export const DINCODER_PROJECT_TOOLS: readonly Tool[] = [
  specLint,
  contractsGenerate,
  templatesList,
  templatesCustomize,
  packs,
  branch,
  prereqs,
  upgrade,
  echo,
];
