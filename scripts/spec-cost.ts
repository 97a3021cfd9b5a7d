/**
 * How long the specification server takes on a large project: 200 features with 5,000 tasks, and one feature with 5,000. Every
 * reading tool through an official client on the real command over stdio; prints the median and the worst of each.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC } from '../packages/spec/src/testing/sample.ts';

const FEATURES = 200;
const TASKS = 5000;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const rounds = Number(values.rounds);
const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));

const numbered = (number: number, width: number): string => String(number).padStart(width, '0');

/** Requirements in proportion to the tasks, each named by some of them. */
function specOf(requirements: number): string {
  const lines = Array.from({ length: requirements }, (_, index) => {
    const id = numbered(index + 1, 3);
    return `- **FR-${id}**: Members MUST be able to use part ${index + 1} with at most ${10 + index} entries.`;
  });
  return SPEC.replace(/- \*\*FR-001[^]*?(?=\n\n### Key)/, lines.join('\n'));
}

function tasksOf(count: number, requirements: number): string {
  const line = (number: number): string => {
    const story = number <= count / 2 ? 1 : 2;
    const parallel = number % 3 === 0 ? ' [P]' : '';
    const after = number % 5 === 0 ? ` (depends on T${numbered(number - 1, 3)})` : '';
    const about = `Build part ${number} of the notes (FR-${numbered(1 + (number % requirements), 3)})`;
    return `- [${number % 4 === 0 ? 'X' : ' '}] T${numbered(number, 3)}${parallel} [US${story}] ${about} in src/part${number}.ts${after}`;
  };
  const all = Array.from({ length: count }, (_, index) => line(index + 1));
  const half = Math.floor(count / 2);
  return [
    '# Tasks: Note keeping',
    '## Phase 1: User Story 1 - Write a note (Priority: P1)',
    all.slice(0, half).join('\n'),
    '## Phase 2: User Story 2 - Search notes (Priority: P2)',
    `${all.slice(half).join('\n')}\n`,
  ].join('\n\n');
}

async function writeProject(folder: string): Promise<void> {
  const feature = async (name: string, tasks: number): Promise<void> => {
    const at = join(folder, 'specs', name);
    await mkdir(join(at, 'checklists'), { recursive: true });
    const requirements = Math.max(3, Math.min(500, Math.floor(tasks / 5)));
    const files = {
      'spec.md': specOf(requirements),
      'plan.md': PLAN,
      'research.md': RESEARCH,
      'data-model.md': DATA_MODEL,
      'tasks.md': tasksOf(tasks, requirements),
      'checklists/security.md': '# Security Checklist\n\n- [x] CHK001 Is a limit defined? [Gap]\n',
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(at, file), text);
  };
  await mkdir(join(folder, '.specify/memory'), { recursive: true });
  await writeFile(join(folder, '.specify/memory/constitution.md'), CONSTITUTION);
  for (let number = 1; number <= FEATURES; number += 1) {
    await feature(`${numbered(number, 3)}-feature-${number}`, TASKS / FEATURES);
  }
  await feature('900-large', TASKS);
  execFileSync('git', ['init', '--quiet'], { cwd: folder });
  execFileSync('git', ['remote', 'add', 'origin', 'https://github.com/notes/notes.git'], { cwd: folder });
}

type Call = readonly [tool: string, args: Record<string, unknown>];

const calls = (feature: string): readonly Call[] => [
  ['workflow_status', {}],
  ['step_begin', { step: 'implement', feature }],
  ['step_begin', { step: 'analyze', feature }],
  ['clarify_scan', { feature }],
  ['clarify_list', { feature }],
  ['tasks_filter', { feature, blocker: 'unblocked', sortBy: 'dependencies', limit: 20 }],
  ['tasks_search', { feature, query: 'part 7', limit: 20 }],
  ['tasks_search', { feature, query: 'prat 7 nots', fuzzy: true, fuzzyThreshold: 50, limit: 20 }],
  ['tasks_search', { feature, query: 'part [0-9]*7 ', useRegex: true, limit: 20 }],
  ['tasks_stats', { feature }],
  ['tasks_visualize', { feature, format: 'mermaid', includeCompleted: true }],
  ['tasks_visualize', { feature, format: 'graphviz', groupByPhase: true, highlightCriticalPath: true }],
  ['tasks_visualize', { feature, format: 'ascii' }],
  ['implement_next', { feature }],
  ['implement_verify', { feature }],
  ['tasks_to_issues', { feature }],
  ['artifacts_read', { feature, artifactType: 'all' }],
  ['artifacts_analyze', { feature }],
  ['spec_validate', { specPath: `specs/${feature}/spec.md` }],
  ['templates_list', {}],
  ['packs_list', {}],
  ['analyze', { feature }],
];

const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-spec-'));
const client = new Client({ name: 'bench', version: '1.0.0' });
try {
  await writeProject(folder);
  const { PATH = '' } = process.env;
  const args = [bin, 'spec', '--workspace', folder];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env: { PATH, HOME: folder } }));
  for (const feature of ['100-feature-100', '900-large']) {
    console.log(`\n${feature}: median and worst of ${rounds} in ms`);
    for (const [name, args_] of calls(feature)) {
      const times: number[] = [];
      let failed = '';
      for (let round = 0; round < rounds; round += 1) {
        const from = performance.now();
        const result = await client.callTool({ name, arguments: { ...args_ } });
        times.push(performance.now() - from);
        if (result.isError === true) failed = `  REFUSED: ${JSON.stringify(result.content).slice(0, 120)}`;
      }
      times.sort((a, b) => a - b);
      const shown = JSON.stringify(args_).replaceAll(/"feature":"[^"]*",?/g, '');
      const [median = 0, worst = 0] = [times[Math.floor(times.length / 2)], times.at(-1)];
      console.log(`${median.toFixed(1).padStart(8)} ${worst.toFixed(1).padStart(8)}  ${name} ${shown}${failed}`);
    }
  }
  const from = performance.now();
  await client.listResources();
  console.log(`${(performance.now() - from).toFixed(1).padStart(8)} ms resources/list, first page`);
} finally {
  await client.close();
  await rm(folder, { recursive: true, force: true });
}
