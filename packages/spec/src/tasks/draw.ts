/** The graph of tasks as Mermaid, Graphviz or plain text. Texts of tasks are quoted, so none of them becomes part of a drawing. */
import { SpecError } from '../errors.ts';
import type { Task } from '../grammar/tasks.ts';
import type { TaskGraph } from './graph.ts';

export const DRAWINGS = ['mermaid', 'graphviz', 'ascii'] as const;

export interface Drawing {
  readonly format: (typeof DRAWINGS)[number];
  readonly includeCompleted?: boolean;
  readonly groupByPhase?: boolean;
  readonly highlightCriticalPath?: boolean;
}

/** Most tasks and lines between them that are drawn; beyond, nobody could read it. */
const MOST_TASKS = 500;
const MOST_EDGES = 4000;
const LABEL_LENGTH = 60;

interface Picture {
  readonly tasks: readonly Task[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  readonly groups: ReadonlyMap<string, readonly Task[]>;
  readonly critical: ReadonlySet<string>;
}

const labelOf = ({ id, text }: Task): string => {
  const short = text.length > LABEL_LENGTH ? `${text.slice(0, LABEL_LENGTH - 1)}…` : text;
  return `${id}: ${short}`;
};

const MARK: Readonly<Record<Task['status'], string>> = { pending: '[ ]', in_progress: '[~]', completed: '[x]' };

function mermaid({ groups, edges, critical }: Picture): string {
  const quote = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const lines = ['graph TD'];
  let number = 0;
  for (const [title, tasks] of groups) {
    if (title !== '') lines.push(`  subgraph phase${(number += 1)}["${quote(title)}"]`);
    for (const task of tasks) lines.push(`    ${task.id}["${quote(labelOf(task))}"]:::${task.status}`);
    if (title !== '') lines.push('  end');
  }
  for (const { from, to } of edges) lines.push(`  ${from} --> ${to}`);
  lines.push(
    '  classDef completed fill:#c8e6c9',
    '  classDef in_progress fill:#fff9c4',
    '  classDef pending fill:#eeeeee',
  );
  if (critical.size > 0)
    lines.push('  classDef critical stroke:#d32f2f,stroke-width:3px', `  class ${[...critical].join(',')} critical`);
  return lines.join('\n');
}

function graphviz({ groups, edges, critical }: Picture): string {
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const lines = ['digraph tasks {', '  rankdir=TB;', '  node [shape=box, style=filled];'];
  const colour = { pending: '#eeeeee', in_progress: '#fff9c4', completed: '#c8e6c9' };
  let number = 0;
  for (const [title, tasks] of groups) {
    if (title !== '') lines.push(`  subgraph cluster_${(number += 1)} {`, `    label=${quote(title)};`);
    for (const task of tasks) {
      const border = critical.has(task.id) ? ', color="#d32f2f", penwidth=3' : '';
      lines.push(`    ${task.id} [label=${quote(labelOf(task))}, fillcolor="${colour[task.status]}"${border}];`);
    }
    if (title !== '') lines.push('  }');
  }
  for (const { from, to } of edges) lines.push(`  ${from} -> ${to};`);
  return [...lines, '}'].join('\n');
}

function ascii({ groups, edges, critical }: Picture): string {
  const waits = new Map<string, string[]>();
  for (const { from, to } of edges) waits.set(to, [...(waits.get(to) ?? []), from]);
  const lines: string[] = [];
  for (const [title, tasks] of groups) {
    if (title !== '') lines.push(title);
    for (const [index, task] of tasks.entries()) {
      const branch = title === '' ? '' : index === tasks.length - 1 ? '└─ ' : '├─ ';
      const after = waits.get(task.id) ?? [];
      const shown = after.slice(0, 5).join(', ') + (after.length > 5 ? ', …' : '');
      lines.push(
        `${branch}${MARK[task.status]} ${labelOf(task)}${critical.has(task.id) ? ' *' : ''}${after.length === 0 ? '' : `  ← ${shown}`}`,
      );
    }
  }
  return lines.join('\n');
}

/** A SpecError when tasks wait for each other, or when there is too much to draw. */
export function drawTasks(graph: TaskGraph, drawing: Drawing): string {
  if (graph.cycle !== undefined) {
    throw new SpecError(
      'conflict',
      `Tasks wait for each other: ${graph.cycle.join(' → ')}. Take one of the dependencies away.`,
    );
  }
  const tasks = graph.tasks.filter(({ status }) => drawing.includeCompleted === true || status !== 'completed');
  if (tasks.length > MOST_TASKS) {
    throw new SpecError(
      'too_large',
      `${tasks.length} tasks are too many for a drawing (at most ${MOST_TASKS}). Filter them instead.`,
    );
  }
  const groups =
    drawing.groupByPhase === true
      ? Map.groupBy(tasks, ({ phase }) => graph.phases[phase]?.title ?? '')
      : new Map([['', tasks]]);
  const picture: Picture = {
    tasks,
    edges: graph.edges(new Set(tasks.map(({ id }) => id))).slice(0, MOST_EDGES),
    groups,
    critical: drawing.highlightCriticalPath === true ? new Set(graph.criticalPath()) : new Set(),
  };
  return { mermaid, graphviz, ascii }[drawing.format](picture);
}
